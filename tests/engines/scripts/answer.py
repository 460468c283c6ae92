"""Answer samples with vLLM: answer.py CHECKPOINT DTYPE ROWS.json OUT.json.

A row's `constraint` holds the arguments of StructuredOutputsParams. Written are the answers, the
log probability of every prompt's tokens, and the quantisation that vLLM found by itself.
"""

import json
import sys
from pathlib import Path

from vllm import LLM, SamplingParams
from vllm.sampling_params import StructuredOutputsParams


def main() -> None:
    checkpoint, dtype = sys.argv[1], sys.argv[2]
    rows, out = json.loads(Path(sys.argv[3]).read_text()), Path(sys.argv[4])
    llm = LLM(checkpoint, dtype=dtype, enforce_eager=True, max_model_len=2048, max_num_seqs=16)
    template = llm.get_tokenizer().apply_chat_template
    prompts = [
        template(row["messages"][:-1], tokenize=False, add_generation_prompt=True) for row in rows
    ]
    wanted = [
        SamplingParams(
            temperature=0,
            max_tokens=32,
            prompt_logprobs=0,
            structured_outputs=StructuredOutputsParams(**row["constraint"]),
        )
        for row in rows
    ]
    done = llm.generate(prompts, wanted, use_tqdm=False)
    logprobs = [
        [next(iter(token.values())).logprob for token in answer.prompt_logprobs[1:]]
        for answer in done
    ]
    written = {
        "quantisation": llm.llm_engine.vllm_config.model_config.quantization,
        "answers": [answer.outputs[0].text for answer in done],
        "logprobs": logprobs,
    }
    out.write_text(json.dumps(written))


if __name__ == "__main__":
    main()
