package api

import "github.com/gin-gonic/gin"

// routes is the whole interface. `to` authorizes the caller's key for the verb,
// runs the handler and writes its error; handlers that touch one store or file
// authorize that too.
func (s *Server) routes(r *gin.Engine) {
	r.HandleMethodNotAllowed = true
	r.RedirectTrailingSlash = false
	r.UseRawPath, r.UnescapePathValues = true, true
	r.Use(s.record, s.recovered, secure)
	r.NoRoute(s.noRoute)
	r.NoMethod(s.noMethod)

	r.GET("/", s.page)
	r.GET("/reports", s.page)
	r.GET("/drafts", s.page)
	r.GET("/assets/*path", s.page)
	r.GET("/documents/:id", s.openDocument)
	r.GET("/openapi.json", s.spec)
	r.GET("/healthz", s.healthz)
	r.GET("/readyz", s.readyz)
	r.GET("/metrics", s.metrics)

	// What is refused under load is refused before anything is looked up.
	r.POST("/v1/chat/completions", s.room(s.answers), s.authenticate, s.to(verbAsk, s.chat))
	r.POST("/v1/completions", s.room(s.answers), s.authenticate, s.to(verbAsk, s.completions))
	r.POST("/v1/responses", s.room(s.answers), s.authenticate, s.to(verbAsk, s.responses))
	r.POST("/v1/embeddings", s.room(s.lookups), s.authenticate, s.to(verbAsk, s.embeddings))
	r.POST("/v1/search", s.room(s.lookups), s.authenticate, s.to(verbAsk, s.search))

	v1 := r.Group("/v1", s.authenticate)

	v1.GET("/models", s.to(verbAsk, s.listModels))
	v1.GET("/models/*model", s.to(verbAsk, s.getModel))

	v1.POST("/answers/:id/replay", s.to(verbAdmin, s.replayAnswer))

	v1.GET("/comparisons", s.to(verbAdmin, s.listComparisons))
	v1.GET("/comparisons/:id", s.to(verbAdmin, s.getComparison))
	v1.GET("/comparisons/:id/html", s.to(verbAdmin, s.getComparisonPage))

	v1.POST("/fine_tuning/jobs", s.to(verbAdmin, s.createTuneJob))
	v1.GET("/fine_tuning/jobs", s.to(verbAdmin, s.listTuneJobs))
	v1.GET("/fine_tuning/jobs/:id", s.to(verbAdmin, s.getTuneJob))
	v1.POST("/fine_tuning/jobs/:id/cancel", s.to(verbAdmin, s.cancelTuneJob))
	v1.GET("/fine_tuning/jobs/:id/events", s.to(verbAdmin, s.listTuneEvents))
	v1.GET("/fine_tuning/jobs/:id/checkpoints", s.to(verbAdmin, s.listTuneCheckpoints))

	v1.GET("/drafts", s.to(verbAdmin, s.listDrafts))
	v1.GET("/drafts/:id", s.to(verbAdmin, s.getDrafts))
	v1.POST("/drafts/:id/:draft_id", s.to(verbAdmin, s.editDraft))

	v1.POST("/documents", s.to(verbWrite, s.onceThen(s.uploadDocuments, s.awaitDocuments)))
	v1.GET("/documents", s.to(verbAsk, s.listDocuments))
	v1.GET("/documents/:id", s.to(verbAsk, s.getDocument))
	v1.GET("/documents/:id/passages", s.to(verbAsk, s.documentPassages))
	v1.POST("/documents/:id/retry", s.to(verbWrite, s.retryDocument))
	v1.DELETE("/documents/:id", s.to(verbWrite, s.deleteDocument))

	v1.GET("/receipts/:id", s.to(verbWrite, s.getReceipt))

	v1.POST("/files", s.to(verbWrite, s.once(s.uploadFile)))
	v1.GET("/files", s.to(verbAsk, s.listFiles))
	v1.GET("/files/:id", s.to(verbAsk, s.getFile))
	v1.DELETE("/files/:id", s.to(verbWrite, s.deleteFile))
	v1.GET("/files/:id/content", s.to(verbAsk, s.fileContent))
	v1.GET("/files/:id/text", s.to(verbAsk, s.fileText))

	v1.POST("/vector_stores", s.to(verbWrite, s.once(s.createStore)))
	v1.GET("/vector_stores", s.to(verbAsk, s.listStores))
	v1.GET("/vector_stores/:id", s.to(verbAsk, s.getStore))
	v1.POST("/vector_stores/:id", s.to(verbWrite, s.updateStore))
	v1.DELETE("/vector_stores/:id", s.to(verbWrite, s.deleteStore))
	v1.POST("/vector_stores/:id/search", s.to(verbAsk, s.searchStore))
	v1.POST("/vector_stores/:id/files", s.to(verbWrite, s.once(s.attachFile)))
	v1.GET("/vector_stores/:id/files", s.to(verbAsk, s.listStoreFiles))
	v1.GET("/vector_stores/:id/files/:file_id", s.to(verbAsk, s.getStoreFile))
	v1.POST("/vector_stores/:id/files/:file_id", s.to(verbWrite, s.relabelFile))
	v1.DELETE("/vector_stores/:id/files/:file_id", s.to(verbWrite, s.detachFile))
	v1.POST("/vector_stores/:id/file_batches", s.to(verbWrite, s.once(s.createBatch)))
	v1.GET("/vector_stores/:id/file_batches/:batch_id", s.to(verbAsk, s.getBatch))
	v1.GET("/vector_stores/:id/file_batches/:batch_id/events", s.to(verbAsk, s.followBatch))
	v1.GET("/vector_stores/:id/file_batches/:batch_id/files", s.to(verbAsk, s.listBatchFiles))
	v1.POST("/vector_stores/:id/file_batches/:batch_id/cancel", s.to(verbWrite, s.cancelBatch))
}

// endpoint is a handler: it decodes, calls once, encodes, or returns an error
// before it has written anything.
type endpoint func(c *gin.Context) error

func (s *Server) to(v verb, h endpoint) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := authorize(caller(c), v, object{})
		if err == nil {
			err = h(c)
		}
		if err != nil {
			s.fail(c, err)
		}
	}
}
