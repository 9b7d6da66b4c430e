package runtime

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"groundwork/rag"
)

// Check is what was found about one thing the local models need.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"` // a sentence, when not OK
}

// Doctor looks at Python, its environment, disk, memory and the files of the
// given models. With deep, model files are read whole and their checksums compared.
func Doctor(ctx context.Context, env *Env, dir string, models []Entry, deep bool) []Check {
	checks := []Check{env.checkPython(ctx), env.checkEnvironment(ctx), checkDisk(dir, models), checkMemory(models)}
	for _, e := range models {
		checks = append(checks, checkFiles(ctx, dir, e, deep))
	}
	return checks
}

func (e *Env) checkPython(ctx context.Context) Check {
	version, err := e.base(ctx)
	return result("python", fmt.Sprintf("%s is Python %s", e.opt.Python, version), err)
}

func (e *Env) checkEnvironment(ctx context.Context) Check {
	return result("python environment", fmt.Sprintf("%s, llama.cpp %s, ONNX Runtime %s", filepath.Base(e.root),
		PackageVersion("xllamacpp"), PackageVersion("onnxruntime")), e.Check(ctx))
}

func checkDisk(dir string, models []Entry) Check {
	free, err := freeDisk(existing(dir))
	if err != nil {
		return Check{Name: "disk", Detail: err.Error(), Fix: "Set llm.models_dir to a directory that can be written."}
	}
	var need int64
	for _, e := range models {
		if !Installed(dir, e) {
			need += e.Size()
		}
	}
	c := Check{Name: "disk", OK: free >= need+spare, Detail: fmt.Sprintf("%s free at %s, %s needed", mib(free), dir, mib(need))}
	if !c.OK {
		c.Fix = "Make room or set llm.models_dir to another disk."
	}
	return c
}

func checkMemory(models []Entry) Check {
	total, free, err := memory()
	if err != nil {
		return Check{Name: "memory", OK: true, Detail: "unknown: " + err.Error()}
	}
	var need int64
	for _, e := range models {
		need += e.RAMMB << 20
	}
	c := Check{Name: "memory", OK: total >= need, Detail: fmt.Sprintf("%s, %s of it free; the models need %s", mib(total), mib(free), mib(need))}
	if !c.OK {
		c.Fix = "Choose a smaller model (llm.chat.model: small) or a model server on another machine (llm.chat.base_url)."
	}
	return c
}

func checkFiles(ctx context.Context, dir string, e Entry, deep bool) Check {
	var err error
	detail := fmt.Sprintf("%s (%s, %s)", e.Name, e.Quantisation, mib(e.Size()))
	switch {
	case deep:
		err = Verify(ctx, dir, e)
		detail += ", checksums compared"
	case !Installed(dir, e):
		err = rag.Fail(rag.CodeModel, fmt.Sprintf("The files of %s are missing or changed; run `groundwork models pull %s`.", e.Name, e.Name))
	}
	return result(string(e.Kind)+" model", detail, err)
}

// result makes a Check of an error whose message ends with the fix.
func result(name, detail string, err error) Check {
	if err == nil {
		return Check{Name: name, OK: true, Detail: detail}
	}
	c := Check{Name: name, Detail: err.Error()}
	if user, ok := err.(*rag.Error); ok { //nolint:errorlint // a wrapped one would not be the whole story
		what, fix, _ := strings.Cut(user.Message, "; ")
		c.Detail, c.Fix = what, strings.ToUpper(fix[:min(1, len(fix))])+fix[min(1, len(fix)):]
		if user.Err != nil {
			c.Detail += ": " + user.Err.Error()
		}
	}
	return c
}

// existing is dir or the nearest directory above it that exists.
func existing(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := freeDisk(at); err == nil || at == filepath.Dir(at) {
			return at
		}
	}
}
