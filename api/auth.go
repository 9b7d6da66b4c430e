package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"groundwork/rag"
)

// verb is what a key may do.
type verb string

const (
	verbAsk   verb = "ask"   // chat, search, embeddings, reading
	verbWrite verb = "write" // uploading, making and deleting
	verbAdmin verb = "admin" // everything
)

// object is what a call touches: nothing in particular, a store, or everything of the tenant.
type object struct {
	store  *rag.Store
	tenant bool
}

// authorize is the one decision about access. A verb that the key lacks is
// forbidden; an object that is not the caller's is not there.
func authorize(p rag.Principal, v verb, o object) error {
	if !slices.Contains(p.Verbs, string(v)) && !slices.Contains(p.Verbs, string(verbAdmin)) {
		return rag.Fail(rag.CodeForbidden, fmt.Sprintf("This key may not %s. Use a key made with `groundwork keys create --verbs %s`.", v, v))
	}
	if o.store != nil && (o.store.Tenant != p.Tenant || !reaches(p, *o.store)) {
		return rag.Fail(rag.CodeNotFound, "There is no such store. GET /v1/vector_stores lists them.")
	}
	if o.tenant && len(p.Stores) > 0 {
		return rag.Fail(rag.CodeForbidden, "This key is limited to some stores. Use POST /v1/documents with one of them, or a key without that limit.")
	}
	return nil
}

// reaches reports whether the key's list of stores, when it has one, names the store.
func reaches(p rag.Principal, st rag.Store) bool {
	return len(p.Stores) == 0 || slices.Contains(p.Stores, st.ID) || slices.Contains(p.Stores, st.Name)
}

func caller(c *gin.Context) rag.Principal {
	p, _ := c.Value(keyCaller).(rag.Principal)
	return p
}

// lineOf names the caller in the line before the model servers, where keys take turns.
func lineOf(p rag.Principal) string { return p.Tenant + "/" + p.KeyID }

// authenticate finds out who calls. Without a key (a server on the loopback
// before the first key is made) only this machine's own programs and pages may.
func (s *Server) authenticate(c *gin.Context) {
	p, err := s.principal(c.Request)
	if err == nil && p.KeyID == "" {
		err = s.local(c.Request)
	}
	if err != nil {
		s.fail(c, err)
		c.Abort()
		return
	}
	c.Set(keyCaller, p)
}

func (s *Server) principal(r *http.Request) (rag.Principal, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(token, "gw_") {
		token = "" // OpenAI's clients insist on some key, also where none is needed
	}
	p, err := s.Keys.Authenticate(r.Context(), token)
	if rag.CodeOf(err) != rag.CodeUnauthorized {
		return p, err
	}
	message := "This key is unknown or was revoked. Make one with `groundwork keys create`."
	if token == "" {
		message = "A key is needed. Send the header `Authorization: Bearer gw_…`; `groundwork keys create` makes a key."
	}
	return p, rag.Fail(rag.CodeUnauthorized, message)
}

// local refuses what a foreign web page can make a browser on this machine
// send: requests under a foreign host name (DNS rebinding) and cross-site ones.
func (s *Server) local(r *http.Request) error {
	if !s.ownHost(r.Host) {
		return rag.Fail(codeOrigin, "This server has no keys and answers only under a loopback address such as 127.0.0.1 or localhost. Use that, or make a key with `groundwork keys create`.")
	}
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	if u, err := url.Parse(origin); origin != "" && (err != nil || u.Host != r.Host) || site == "cross-site" || site == "same-site" {
		return rag.Fail(codeOrigin, "A page of another site sent this, and this server has no keys. Open the server's own page, or make a key with `groundwork keys create` and send it.")
	}
	return nil
}

func (s *Server) ownHost(host string) bool {
	name := (&url.URL{Host: host}).Hostname()
	if ip := net.ParseIP(name); ip != nil {
		return ip.IsLoopback()
	}
	if u, err := url.Parse(s.opts.PublicURL); err == nil && u.Host != "" && strings.EqualFold(u.Host, host) {
		return true
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// store finds a store by id or name and authorizes. What is not the caller's
// gives the same error as what does not exist.
func (s *Server) store(ctx context.Context, p rag.Principal, v verb, idOrName string) (rag.Store, error) {
	st, err := s.Stores.Store(ctx, p.Tenant, idOrName)
	if err == nil {
		err = authorize(p, v, object{store: &st})
	}
	if rag.CodeOf(err) == rag.CodeNotFound {
		err = &rag.Error{Code: rag.CodeNotFound, Param: "store",
			Message: fmt.Sprintf("There is no store %q. GET /v1/vector_stores lists them.", clip(idOrName))}
	}
	return st, err
}

// clip keeps a name that a client sent short enough for a sentence.
func clip(s string) string { return shorten(s, 80) }

func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

// scopeOf is what the caller may read of a store.
func scopeOf(p rag.Principal, st rag.Store) rag.Scope {
	scope := everywhere(p)
	scope.Tenant, scope.Store = st.Tenant, st.ID
	return scope
}

// everywhere is what the caller may read of any store.
func everywhere(p rag.Principal) rag.Scope {
	scope := rag.Scope{Tenant: p.Tenant}
	if p.Groups != nil {
		scope.Only = &rag.Only{Groups: p.Groups}
	}
	return scope
}
