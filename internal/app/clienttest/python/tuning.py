"""Fine-tuning through the official OpenAI client for Python: MODEL is one that the server can train, with a
trainer that does not come to its end by itself."""

import json
import os

import openai

client = openai.OpenAI(base_url=os.environ["BASE_URL"], api_key=os.environ["KEY"], timeout=60, max_retries=2)
MODEL = os.environ["MODEL"]


def main():
    talks = [{"messages": [{"role": "user", "content": f"What is walrus {n}?"}, {"role": "assistant", "content": f"Walrus {n}."}]} for n in range(10)]
    file = client.files.create(file=("train.jsonl", "\n".join(json.dumps(t) for t in talks).encode()), purpose="fine-tune")
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1, "learning_rate_multiplier": "auto"}}}
    job = client.fine_tuning.jobs.create(model=MODEL, training_file=file.id, suffix="python", seed=1, method=method, metadata={"by": "python"})
    assert job.status == "validating_files" and job.object == "fine_tuning.job", job
    assert job.method.supervised.hyperparameters.n_epochs == 1, job
    assert job.id in [j.id for j in client.fine_tuning.jobs.list(limit=1)], "the job is not in the list"
    assert client.fine_tuning.jobs.retrieve(job.id).user_provided_suffix == "python"
    assert client.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    messages = [e.message for e in client.fine_tuning.jobs.list_events(job.id, limit=1)]
    assert any("cancelled" in m for m in messages), messages
    assert list(client.fine_tuning.jobs.checkpoints.list(job.id)) == []
    try:
        client.fine_tuning.jobs.create(model=MODEL, training_file="file-missing")
    except openai.BadRequestError as err:
        assert err.param == "training_file", err
    else:
        raise AssertionError("a missing file was taken")
    print("ok fine-tuning")


main()
