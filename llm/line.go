package llm

import "slices"

// ticket is one request on its way to a server. The pool's lock guards it.
type ticket struct {
	caller string
	urgent bool            // passes those that are not
	prefix uint64          // of the prompt; 0: any server is as good
	again  bool            // it has been let through before
	tried  map[*server]int // where it failed already, and in which life of that server
	ready  chan grant      // holds one; whoever takes the ticket out of the line sends it
}

// grant ends the wait of a ticket.
type grant struct {
	server *server
	err    error
}

// line is where requests wait: the urgent before the others, callers in turn,
// and the requests of one caller in the order they came.
type line struct {
	urgent, usual turns
	n             int
}

// turns are waiting tickets by caller. A caller is in order exactly when it waits.
type turns struct {
	order   []string
	waiting map[string][]*ticket
}

func (l *line) lane(t *ticket) *turns {
	if t.urgent {
		return &l.urgent
	}
	return &l.usual
}

// push adds a ticket at the end of its caller's. One that has waited before
// goes to the front, and its caller too.
func (l *line) push(t *ticket) {
	q := l.lane(t)
	if q.waiting == nil {
		q.waiting = map[string][]*ticket{}
	}
	own := q.waiting[t.caller]
	switch {
	case len(own) == 0 && t.again:
		q.order = slices.Insert(q.order, 0, t.caller)
	case len(own) == 0:
		q.order = append(q.order, t.caller)
	}
	if t.again {
		q.waiting[t.caller] = slices.Insert(own, 0, t)
	} else {
		q.waiting[t.caller] = append(own, t)
	}
	l.n++
}

// next takes out the first ticket for which pick finds a server; its caller
// goes to the end.
func (l *line) next(pick func(*ticket) *server) (*ticket, *server) {
	for _, q := range []*turns{&l.urgent, &l.usual} {
		for _, caller := range q.order {
			for i, t := range q.waiting[caller] {
				if s := pick(t); s != nil {
					q.drop(caller, i)
					l.n--
					if at := slices.Index(q.order, caller); at >= 0 {
						q.order = append(slices.Delete(q.order, at, at+1), caller)
					}
					return t, s
				}
			}
		}
	}
	return nil, nil
}

// remove takes out t; false when it is no longer there.
func (l *line) remove(t *ticket) bool {
	q := l.lane(t)
	at := slices.Index(q.waiting[t.caller], t)
	if at < 0 {
		return false
	}
	q.drop(t.caller, at)
	l.n--
	return true
}

// yield takes out the newest ticket of the caller that has most of them, when t
// has a better claim to the place: it is urgent and that one is not, or its
// caller has at least two fewer. Else it gives nil.
func (l *line) yield(t *ticket) *ticket {
	var most []*ticket
	for _, caller := range l.usual.order {
		if own := l.usual.waiting[caller]; len(own) > len(most) {
			most = own
		}
	}
	if len(most) == 0 || !t.urgent && len(most) < len(l.usual.waiting[t.caller])+2 {
		return nil
	}
	last := most[len(most)-1]
	l.remove(last)
	return last
}

// drop removes a ticket, and its caller with the last one.
func (q *turns) drop(caller string, i int) {
	q.waiting[caller] = slices.Delete(q.waiting[caller], i, i+1)
	if len(q.waiting[caller]) > 0 {
		return
	}
	delete(q.waiting, caller)
	at := slices.Index(q.order, caller)
	q.order = slices.Delete(q.order, at, at+1)
}
