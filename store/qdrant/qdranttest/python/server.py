"""Qdrant's gRPC protocol over Qdrant's own engine (qdrant-edge-py), for tests only.

The engine stores, filters and ranks. This file only translates messages, and keeps what the engine as a library
lacks: collections, aliases, metadata, the strict mode's checks and the API key. What a call needs beyond that is
refused with UNIMPLEMENTED.

Usage: server.py DIR [--port N] [--api-key KEY] [--tls CERT KEY] [--optimise-every POINTS]. It prints the port it
listens on. After SIGUSR1 it optimises all there is, then prints "optimised".
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
from concurrent import futures
from pathlib import Path

import grpc
import numpy
import qdrant_edge as edge
from google.protobuf import json_format
from qdrant_client.grpc import collections_pb2 as cpb
from qdrant_client.grpc import collections_service_pb2_grpc as collections_service
from qdrant_client.grpc import points_pb2 as ppb
from qdrant_client.grpc import points_service_pb2_grpc as points_service
from qdrant_client.grpc import qdrant_common_pb2 as common
from qdrant_client.grpc import qdrant_pb2, qdrant_pb2_grpc
from qdrant_client.grpc.json_with_int_pb2 import Value

VERSION = "1.18.3"  # the server whose protocol this speaks


class Refused(Exception):
    """A call that is answered with a status."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def invalid(message):
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, message)


def unimplemented(what):
    return Refused(grpc.StatusCode.UNIMPLEMENTED, f"the test server does not know {what}")


# Values, ids, vectors.


def to_value(v):
    kind = v.WhichOneof("kind")
    if kind in ("bool_value", "integer_value", "double_value", "string_value"):
        return getattr(v, kind)
    if kind == "list_value":
        return [to_value(each) for each in v.list_value.values]
    raise unimplemented(f"payload values of kind {kind}")


def from_value(v):
    if isinstance(v, bool):
        return Value(bool_value=v)
    if isinstance(v, int):
        return Value(integer_value=v)
    if isinstance(v, float):
        return Value(double_value=v)
    if isinstance(v, list):
        return Value(list_value={"values": [from_value(each) for each in v]})
    return Value(string_value=v)


def to_payload(p):
    return {key: to_value(v) for key, v in p.items()}


def to_id(i):
    return i.uuid if i.WhichOneof("point_id_options") == "uuid" else i.num


def from_id(i):
    return common.PointId(num=i) if isinstance(i, int) else common.PointId(uuid=str(i))


def to_vector(v):
    kind = v.WhichOneof("vector")
    if kind == "dense":
        return list(v.dense.data)
    if kind == "sparse":
        return edge.SparseVector(list(v.sparse.indices), list(v.sparse.values))
    raise unimplemented(f"vectors of kind {kind}")


def from_vectors(vectors):
    out = ppb.VectorsOutput()
    for name, v in (vectors or {}).items():
        if isinstance(v, edge.SparseVector):
            out.vectors.vectors[name].sparse.indices.extend(v.indices)
            out.vectors.vectors[name].sparse.values.extend(v.values)
        else:
            out.vectors.vectors[name].dense.data.extend(v)
    return out


def selected_payload(s):
    kind = s.WhichOneof("selector_options")
    return list(s.include.fields) if kind == "include" else kind == "enable" and s.enable


def selected_vectors(s):
    kind = s.WhichOneof("selector_options")
    return list(s.include.names) if kind == "include" else kind == "enable" and s.enable


# Filters.


def to_filter(f):
    def conditions(all):
        return [to_condition(c) for c in all] or None

    return edge.Filter(must=conditions(f.must), should=conditions(f.should), must_not=conditions(f.must_not))


def to_condition(c):
    kind = c.WhichOneof("condition_one_of")
    if kind == "field":
        return to_field(c.field)
    if kind == "filter":
        return to_filter(c.filter)
    if kind == "has_id":
        return edge.HasIdCondition({to_id(i) for i in c.has_id.has_id})
    raise unimplemented(f"conditions of kind {kind}")


def to_field(f):
    if f.HasField("range"):
        bounds = {name.name: value for name, value in f.range.ListFields()}
        return edge.FieldCondition(f.key, range=edge.RangeFloat(**bounds))
    kind = f.match.WhichOneof("match_value")
    if kind == "boolean":  # the library takes Python's own bool for a number
        return edge.FieldCondition(f.key, match=edge.MatchValue(numpy.bool_(f.match.boolean)))
    if kind in ("keyword", "integer"):
        return edge.FieldCondition(f.key, match=edge.MatchValue(getattr(f.match, kind)))
    if kind == "keywords":
        return edge.FieldCondition(f.key, match=edge.MatchAny(list(f.match.keywords.strings)))
    raise unimplemented(f"matches of kind {kind}")


def fields_of(f):
    for c in [*f.must, *f.should, *f.must_not]:
        if c.WhichOneof("condition_one_of") == "field":
            yield c.field.key
        elif c.WhichOneof("condition_one_of") == "filter":
            yield from fields_of(c.filter)


def size_of(f):
    return sum(size_of(c.filter) if c.HasField("filter") else 1 for c in [*f.must, *f.should, *f.must_not])


class Collection:
    """One collection: a shard of the engine, and the message that made it."""

    def __init__(self, folder, request):
        self.folder, self.request = folder, request
        self.indexed, self.writing, self.operation = {}, threading.Lock(), 0
        self.unoptimised = 0
        described = folder / "indexes.json"
        if (folder / "shard").exists():
            self.indexed = json.loads(described.read_text())
            self.shard = edge.EdgeShard.load(str(folder / "shard"), self.config())
        else:
            (folder / "shard").mkdir(parents=True)
            self.shard = edge.EdgeShard.create(str(folder / "shard"), self.config())
            described.write_text("{}")
            (folder / "request.json").write_text(json_format.MessageToJson(request))

    def config(self):
        vectors = {}
        for name, p in self.request.vectors_config.params_map.map.items():
            distance = {cpb.Dot: edge.Distance.Dot, cpb.Cosine: edge.Distance.Cosine}[p.distance]
            vectors[name] = edge.EdgeVectorParams(size=p.size, distance=distance, quantization_config=quantisation(p))
        sparse = {name: edge.EdgeSparseVectorParams() for name in self.request.sparse_vectors_config.map}
        h = self.request.hnsw_config
        hnsw = edge.HnswIndexConfig(
            m=h.m, ef_construct=h.ef_construct or 100, payload_m=h.payload_m or None,
            full_scan_threshold=h.full_scan_threshold or 10000, max_indexing_threads=1)
        return edge.EdgeConfig(vectors=vectors, sparse_vectors=sparse, hnsw_config=hnsw)

    def update(self, operation, n=1):
        with self.writing:
            self.shard.update(operation)
            self.operation += 1
            self.unoptimised += n
            return self.operation

    def optimise(self, beyond):
        """What a server does by itself, behind the writes."""
        if self.unoptimised > beyond:
            with self.writing:
                self.unoptimised = 0
                self.shard.optimize()

    def index(self, field, params):
        self.update(edge.UpdateOperation.create_field_index(field, params), 0)
        self.indexed[field] = True
        (self.folder / "indexes.json").write_text(json.dumps(self.indexed))

    def check(self, f, updating=False, limit=None):
        """The strict mode, as far as the adapter meets it."""
        s = self.request.strict_mode_config
        if not s.enabled:
            return
        free = s.unindexed_filtering_update if updating else s.unindexed_filtering_retrieve
        for field in fields_of(f):
            if not free and field not in self.indexed:
                raise invalid(f"strict mode: no index on {field}")
        if s.HasField("filter_max_conditions") and size_of(f) > s.filter_max_conditions:
            raise invalid(f"strict mode: more than {s.filter_max_conditions} conditions")
        if limit is not None and s.HasField("max_query_limit") and limit > s.max_query_limit:
            raise invalid(f"strict mode: limit {limit} is more than {s.max_query_limit}")

    def close(self):
        with self.writing:
            self.shard.close()


def quantisation(p):
    if not p.HasField("quantization_config"):
        return None
    s = p.quantization_config.scalar
    return edge.ScalarQuantizationConfig(
        type=edge.ScalarType.Int8, quantile=s.quantile if s.HasField("quantile") else None, always_ram=s.always_ram)


class Storage:
    """All collections of a folder, and their aliases."""

    def __init__(self, folder):
        self.folder, self.lock, self.collections, self.aliases = folder, threading.RLock(), {}, {}
        if (folder / "aliases.json").exists():
            self.aliases = json.loads((folder / "aliases.json").read_text())
        for request in folder.glob("*/request.json"):
            message = json_format.Parse(request.read_text(), cpb.CreateCollection())
            self.collections[message.collection_name] = Collection(request.parent, message)

    def get(self, name):
        with self.lock:
            c = self.collections.get(self.aliases.get(name, name))
        if c is None:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Not found: Collection `{name}` doesn't exist!")
        return c

    def create(self, request):
        with self.lock:
            name = request.collection_name
            if name in self.collections or name in self.aliases:
                raise Refused(grpc.StatusCode.ALREADY_EXISTS, f"Collection `{name}` already exists!")
            folder = self.folder / f"{len(list(self.folder.iterdir()))}-{time.monotonic_ns()}"
            folder.mkdir()
            self.collections[name] = Collection(folder, request)

    def delete(self, name):
        with self.lock:
            c = self.collections.pop(name, None)
            if c is not None:
                (c.folder / "request.json").unlink()
                c.close()
            self.aliases = {a: n for a, n in self.aliases.items() if n != name}
            self.save()
        return c is not None

    def change(self, actions):
        with self.lock:
            aliases = dict(self.aliases)
            for a in actions:
                kind = a.WhichOneof("action")
                if kind == "create_alias":
                    self.get(a.create_alias.collection_name)
                    aliases[a.create_alias.alias_name] = a.create_alias.collection_name
                elif kind == "delete_alias":
                    aliases.pop(a.delete_alias.alias_name, None)
                else:
                    raise unimplemented(kind)
            self.aliases = aliases
            self.save()

    def save(self):
        part = self.folder / "aliases.part"
        part.write_text(json.dumps(self.aliases))
        os.replace(part, self.folder / "aliases.json")

    def optimise(self, beyond):
        with self.lock:
            all = list(self.collections.values())
        for c in all:
            try:
                c.optimise(beyond)
            except Exception as err:  # a collection that was just deleted
                print("optimise:", err, file=sys.stderr)

    def keep_optimised(self, every):
        while True:
            time.sleep(1)
            self.optimise(every)

    def close(self):
        with self.lock:
            for c in self.collections.values():
                c.close()


class Collections(collections_service.CollectionsServicer):
    def __init__(self, storage):
        self.storage = storage

    def Get(self, request, context):
        c = self.storage.get(request.collection_name)
        r = c.request
        config = cpb.CollectionConfig(hnsw_config=r.hnsw_config, strict_mode_config=r.strict_mode_config)
        config.params.vectors_config.CopyFrom(r.vectors_config)
        for key, v in r.metadata.items():
            config.metadata[key].CopyFrom(v)
        info = c.shard.info()
        return cpb.GetCollectionInfoResponse(result=cpb.CollectionInfo(
            status=cpb.Green, config=config, points_count=info.points_count,
            payload_schema={field: cpb.PayloadSchemaInfo() for field in c.indexed}))

    def List(self, request, context):
        with self.storage.lock:
            names = list(self.storage.collections)
        return cpb.ListCollectionsResponse(collections=[cpb.CollectionDescription(name=n) for n in names])

    def CollectionExists(self, request, context):
        with self.storage.lock:
            exists = request.collection_name in self.storage.collections
        return cpb.CollectionExistsResponse(result=cpb.CollectionExists(exists=exists))

    def Create(self, request, context):
        self.storage.create(request)
        return cpb.CollectionOperationResponse(result=True)

    def Delete(self, request, context):
        return cpb.CollectionOperationResponse(result=self.storage.delete(request.collection_name))

    def UpdateAliases(self, request, context):
        self.storage.change(request.actions)
        return cpb.CollectionOperationResponse(result=True)

    def ListAliases(self, request, context):
        with self.storage.lock:
            all = [cpb.AliasDescription(alias_name=a, collection_name=n) for a, n in self.storage.aliases.items()]
        return cpb.ListAliasesResponse(aliases=all)


def done(operation):
    return ppb.PointsOperationResponse(
        result=ppb.UpdateResult(operation_id=operation, status=ppb.UpdateStatus.Completed))


class Points(points_service.PointsServicer):
    def __init__(self, storage):
        self.storage = storage

    def Upsert(self, request, context):
        c = self.storage.get(request.collection_name)
        s = c.request.strict_mode_config
        if s.enabled and s.HasField("upsert_max_batchsize") and len(request.points) > s.upsert_max_batchsize:
            raise invalid(f"strict mode: more than {s.upsert_max_batchsize} points")
        points = []
        for p in request.points:
            vectors = {name: to_vector(v) for name, v in p.vectors.vectors.vectors.items()}
            points.append(edge.Point(to_id(p.id), vectors, to_payload(p.payload)))
        condition = None
        if request.HasField("update_filter"):
            c.check(request.update_filter, updating=True)
            condition = to_filter(request.update_filter)
        return done(c.update(edge.UpdateOperation.upsert_points(points, condition=condition), len(points)))

    def Delete(self, request, context):
        c = self.storage.get(request.collection_name)
        if request.points.WhichOneof("points_selector_one_of") == "points":
            return done(c.update(edge.UpdateOperation.delete_points([to_id(i) for i in request.points.points.ids])))
        c.check(request.points.filter, updating=True)
        return done(c.update(edge.UpdateOperation.delete_points_by_filter(to_filter(request.points.filter))))

    def SetPayload(self, request, context):
        c = self.storage.get(request.collection_name)
        selector, payload = request.points_selector, to_payload(request.payload)
        if selector.WhichOneof("points_selector_one_of") == "points":
            return done(c.update(edge.UpdateOperation.set_payload([to_id(i) for i in selector.points.ids], payload)))
        c.check(selector.filter, updating=True)
        return done(c.update(edge.UpdateOperation.set_payload_by_filter(to_filter(selector.filter), payload)))

    def CreateFieldIndex(self, request, context):
        c, params = self.storage.get(request.collection_name), request.field_index_params
        kind = params.WhichOneof("index_params")
        if kind == "keyword_index_params":
            p = params.keyword_index_params
            index = edge.KeywordIndexParams(is_tenant=p.is_tenant, enable_hnsw=p.enable_hnsw if p.HasField("enable_hnsw") else None)
        elif kind == "integer_index_params":
            p = params.integer_index_params
            index = edge.IntegerIndexParams(lookup=p.lookup, range=p.range, enable_hnsw=p.enable_hnsw if p.HasField("enable_hnsw") else None)
        elif kind == "bool_index_params":
            p = params.bool_index_params
            index = edge.BoolIndexParams(enable_hnsw=p.enable_hnsw if p.HasField("enable_hnsw") else None)
        else:
            raise unimplemented(f"an index of kind {kind}")
        c.index(request.field_name, index)
        return done(0)

    def Scroll(self, request, context):
        c = self.storage.get(request.collection_name)
        c.check(request.filter, limit=request.limit)
        records, following = c.shard.scroll(edge.ScrollRequest(
            offset=to_id(request.offset) if request.HasField("offset") else None, limit=request.limit or 10,
            filter=to_filter(request.filter), with_payload=selected_payload(request.with_payload),
            with_vector=selected_vectors(request.with_vectors)))
        return ppb.ScrollResponse(
            result=[ppb.RetrievedPoint(
                id=from_id(r.id), payload={k: from_value(v) for k, v in (r.payload or {}).items()},
                vectors=from_vectors(r.vector)) for r in records],
            next_page_offset=from_id(following) if following is not None else None)

    def Count(self, request, context):
        c = self.storage.get(request.collection_name)
        c.check(request.filter)
        n = c.shard.count(edge.CountRequest(filter=to_filter(request.filter), exact=request.exact))
        return ppb.CountResponse(result=ppb.CountResult(count=n))

    def Query(self, request, context):
        c, started = self.storage.get(request.collection_name), time.perf_counter()
        c.check(request.filter, limit=request.limit)
        nearest = request.query.nearest
        if nearest.WhichOneof("variant") == "dense":
            vector = list(nearest.dense.data)
        elif nearest.WhichOneof("variant") == "sparse":
            vector = edge.SparseVector(list(nearest.sparse.indices), list(nearest.sparse.values))
        else:
            raise unimplemented("this query")
        q, params = request.params.quantization, None
        if request.HasField("params"):
            params = edge.SearchParams(
                hnsw_ef=request.params.hnsw_ef or None, exact=request.params.exact,
                quantization=edge.QuantizationSearchParams(
                    ignore=q.ignore, rescore=q.rescore if q.HasField("rescore") else None,
                    oversampling=q.oversampling if q.HasField("oversampling") else None))
        hits = c.shard.query(edge.QueryRequest(
            query=edge.Query.Nearest(vector, using=request.using), limit=request.limit or 10,
            filter=to_filter(request.filter), params=params,
            with_payload=selected_payload(request.with_payload), with_vector=selected_vectors(request.with_vectors)))
        return ppb.QueryResponse(time=time.perf_counter() - started, result=[ppb.ScoredPoint(
            id=from_id(h.id), score=h.score, payload={k: from_value(v) for k, v in (h.payload or {}).items()},
            vectors=from_vectors(h.vector)) for h in hits])

    def Facet(self, request, context):
        c = self.storage.get(request.collection_name)
        c.check(request.filter)
        if request.key not in c.indexed:
            raise invalid(f"no index on {request.key}")
        answer = c.shard.facet(edge.FacetRequest(request.key, limit=request.limit or 10, exact=request.exact))
        return ppb.FacetResponse(hits=[
            ppb.FacetHit(value=ppb.FacetValue(string_value=h.value), count=h.count) for h in answer.hits])


class Health(qdrant_pb2_grpc.QdrantServicer):
    def HealthCheck(self, request, context):
        return qdrant_pb2.HealthCheckReply(title="qdrant-edge behind a test server", version=VERSION)


class Guard(grpc.ServerInterceptor):
    """Checks the key, and turns exceptions into statuses."""

    def __init__(self, key):
        self.key = key

    def intercept_service(self, continuation, details):
        handler = continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        allowed = not self.key or dict(details.invocation_metadata).get("api-key") == self.key

        def call(request, context):
            if not allowed:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "Invalid API key or JWT")
            try:
                return handler.unary_unary(request, context)
            except Refused as err:
                context.abort(err.code, str(err))
            except NotImplementedError:
                context.abort(grpc.StatusCode.UNIMPLEMENTED, "the test server does not know this call")
            except ValueError as err:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(err))
            except Exception as err:
                context.abort(grpc.StatusCode.INTERNAL, f"Service internal error: {err}")

        return grpc.unary_unary_rpc_method_handler(
            call, request_deserializer=handler.request_deserializer, response_serializer=handler.response_serializer)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--api-key", default="")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--optimise-every", type=int, default=2000, metavar="POINTS")
    args = parser.parse_args()
    args.dir.mkdir(parents=True, exist_ok=True)
    storage = Storage(args.dir)
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=16), interceptors=[Guard(args.api_key)],
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
                 ("grpc.so_reuseport", 0), ("grpc.http2.max_ping_strikes", 0)])  # as Qdrant, it minds no pings
    collections_service.add_CollectionsServicer_to_server(Collections(storage), server)
    points_service.add_PointsServicer_to_server(Points(storage), server)
    qdrant_pb2_grpc.add_QdrantServicer_to_server(Health(), server)
    address = f"127.0.0.1:{args.port}"
    if args.tls:
        cert, key = (Path(p).read_bytes() for p in args.tls)
        port = server.add_secure_port(address, grpc.ssl_server_credentials([(key, cert)]))
    else:
        port = server.add_insecure_port(address)
    server.start()
    threading.Thread(target=storage.keep_optimised, args=(args.optimise_every,), daemon=True).start()
    stop = threading.Event()

    def optimise_now(*_):
        storage.optimise(0)
        print("optimised", flush=True)

    signal.signal(signal.SIGUSR1, optimise_now)
    for s in (signal.SIGTERM, signal.SIGINT):
        signal.signal(s, lambda *_: stop.set())
    print(port, flush=True)
    stop.wait()
    server.stop(grace=2).wait()
    storage.close()


if __name__ == "__main__":
    main()
