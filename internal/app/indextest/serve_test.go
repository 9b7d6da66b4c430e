package indextest_test

import (
	"context"
	"os"

	"groundwork/configs"
	"groundwork/internal/app"
	"groundwork/internal/apptest"
)

type settings struct{ Dir, Model string }

func (s settings) config() (configs.Config, error) {
	cfg, err := configs.Load("", os.Environ())
	cfg.Server.Listen, cfg.Server.DataDir = "127.0.0.1:0", s.Dir
	cfg.Ingest.Workers = 0 // the jobs of what was put into the stores directly are left alone
	cfg.LLM.Chat.BaseURL, cfg.LLM.Chat.Model = s.Model, "test-chat"
	cfg.LLM.Embed.BaseURL, cfg.LLM.Embed.Model = s.Model, "test-embed"
	return cfg, err
}

// serve runs a server as it is shipped.
func serve(ctx context.Context, s settings) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	return app.Run(ctx, cfg, app.Options{OnListen: apptest.Announce})
}
