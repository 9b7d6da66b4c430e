package main

import (
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func (c *cli) replayCmd() *cobra.Command {
	var dataDir, model string
	cmd := &cobra.Command{
		Use: "replay ANSWER_ID", Short: "Make a kept answer again and say what differs", Args: cobra.ExactArgs(1),
		Long: "replay sends the prompt of an answer (ans_…) to the model again, with the same sampling, and compares text, citations,\n" +
			"model, index and code with what they were, bit by bit, and the passages with the store's. It needs the answer to be\n" +
			"kept: answer.keep says how many are (none by default, because they hold questions), answer.keep_for how long.",
		Example: "  GROUNDWORK_ANSWER__KEEP=1000 groundwork serve\n  groundwork replay ans_…\n  groundwork replay --json ans_…",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.config()
			if err != nil {
				return err
			}
			override(&cfg, "", dataDir, model)
			api, stop, err := c.connectReady(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer stop()
			return c.replay(cmd, api, args[0])
		},
	}
	addLocalFlags(cmd, &dataDir, &model)
	return cmd
}

func (c *cli) replay(cmd *cobra.Command, api *client, id string) error {
	var r struct {
		Object      string `json:"object"`
		AnswerID    string `json:"answer_id"`
		Same        bool   `json:"same"`
		Then        string `json:"then"`
		Now         string `json:"now"`
		Differences []struct {
			What string `json:"what"`
			Then string `json:"then"`
			Now  string `json:"now"`
		} `json:"differences"`
	}
	if err := api.call(cmd.Context(), http.MethodPost, "/v1/answers/"+url.PathEscape(id)+"/replay", nil, &r); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(r)
	}
	if r.Same {
		c.printf("the same answer, bit by bit:\n%s\n", indent(r.Now, "  "))
	} else {
		c.printf("another answer\n")
	}
	for _, d := range r.Differences {
		c.printf("\n%s\n  then: %s\n  now:  %s\n", d.What, excerpt(d.Then, 600), excerpt(d.Now, 600))
	}
	return nil
}
