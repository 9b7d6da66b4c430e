package tunetest

import (
	"os"
	"path/filepath"
	"syscall"
)

// standIn speaks as train.py and convert.py do, without a model: it is called as the
// interpreter, with -u and the script. It dies, refuses or waits to be stopped when a file in its run's folder, or
// one beside itself, says so; what it converts to is the file beside itself.
const standIn = `#!/bin/sh
read -r settings
out=$(printf %s "$settings" | sed 's/.*"out":"\([^"]*\)".*/\1/')
told() { [ -f "$out/$1" ] || [ -f "$0.$1" ]; }
case "$3$2" in
*convert.py) if [ -f "$0.adapter" ]; then cp "$0.adapter" "$out"; else echo adapter > "$out"; fi; echo '{"event":"done"}'; exit 0;;
esac
printf '%s\n' "$settings" >> "$out/settings.jsonl"
step=$(cat "$out/step" 2>/dev/null || echo 0)
echo "{\"event\":\"start\",\"step\":$step,\"of\":4,\"resumed\":$([ $step = 0 ] && echo false || echo true)}"
trap 'echo "{\"event\":\"stopped\",\"step\":$step,\"of\":4}"; exit 0' TERM
echo "a library's chatter"
while [ $step -lt 4 ]; do
  step=$((step+1)); echo $step > "$out/step"
  echo "{\"event\":\"step\",\"step\":$step,\"of\":4,\"loss\":1.5,\"tokens_per_second\":60,\"rest_seconds\":2,\"memory_mb\":100}"
  if [ $step = 2 ] && told die; then rm -f "$out/die" "$0.die"; kill -9 $$; fi
  if [ $step = 2 ] && told refuse; then rm -f "$out/refuse" "$0.refuse"; echo '{"event":"error","message":"the loss is nan"}'; exit 2; fi
  if [ $step = 3 ] && told wait; then rm -f "$out/wait"; while :; do sleep 0.02; done; fi
done
echo '{"event":"done","step":4,"of":4,"loss":1.25,"best":1.1,"first_heldout":3.0}'
`

// Trainer writes a stand-in for the interpreter that trains into dir, and gives its path. Files beside it (path.die,
// path.refuse, path.wait) tell it what to do; path.adapter is what its trainings make.
func Trainer(dir string) (path string, err error) {
	path = filepath.Join(dir, "python")
	return path, Program(path, standIn)
}

// Program writes a script that can be run at once. A child that another test forks while the file is open would hold
// it open for writing until it runs its own program, and until then nobody could run this one.
func Program(path, script string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, []byte(script), 0o700) //nolint:gosec // it is run
}
