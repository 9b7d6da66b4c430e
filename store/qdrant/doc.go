// Package qdrant is the index on Qdrant, for more than one machine.
//
// One collection holds all stores of one embedding generation; its name comes
// from the fingerprint and the dimensions, and an alias points to it. A point is
// a chunk: a dense vector, a sparse vector of BM25 term weights, and a payload
// with scope (tenant and store), document, version, length and live, and once the
// document is described its facts and the groups that may read it. Every query
// filters on scope, live, facts and groups inside Qdrant. The collection has one replica.
//
// # Publishing
//
// Qdrant has no transaction over points, so a Ledger in the SQL database says
// which version of a document is searchable, and keeps the statistics of BM25
// with it. Publish does three steps, each of which may run again:
//
//	a  set live on the version's points, and see that all have it
//	b  in one transaction of the ledger: this version is the searchable one,
//	   the statistics move from the old version to this one
//	c  delete the points of older versions
//
// So at every moment all points of the searchable version are live: they are
// before b, which makes it so, and until the c of a newer one, which comes after
// that one's b. A search reads the ledger's generation, asks Qdrant, reads the
// searchable versions of the documents it got, and the generation again:
//
//   - Hits of another version than the searchable one are dropped, and the
//     search asks again without that version, as they took the places of others.
//   - When the generation is the same before and after, no b lay in between: each
//     document had one searchable version all the time, all its points were live,
//     and no other version is in the result. The search saw each document in
//     exactly one version, whole.
//   - When it is not the same, the search starts over, until two readings in a
//     row are equal, at most maxReadings times. Another store's publication
//     changes the generation but not the reading; a document of this store would
//     have to be published in both of two readings to be seen in part.
//
// # Races and crashes
//
// A crash between two steps leaves live points that the ledger does not point
// to; no search shows them, and the repeated Publish, a newer one, Discard or
// Remove takes them away. Upsert never touches a live point (Qdrant checks the
// condition inside the write), so a late worker cannot hide a published chunk;
// what it adds is not live. A late Publish of an older version is refused by the
// ledger and discarded. Remove forgets the document before and after it deletes
// the points, and Publish looks for its points again after b, so whichever comes
// last of a Remove and a late Publish, the ledger names no version without points.
package qdrant
