"""Ways of labelling the same texts, each measured in a process of its own. Started by benchmarks.classifier.

    python -m benchmarks.contenders NAME REPETITIONS

prints one JSON object: seconds per repetition, texts per repetition, seconds to get ready, peak memory, kernels.
Networks other than the embedded one have random weights of the right shape: speed does not depend on the values.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from media_coverage.classify import EMBEDDED, cores, load_classifier, load_tokenizer, model_input, processor
from media_coverage.records import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CORPUS = Path(__file__).parents[1] / "training" / "corpus"
TEXTS, SEED = 500, 0
FEW_TEXTS = 40
"""For contenders that would take minutes over all of them: every so-manieth by length, so the mix stays the same."""

SUMMARY_WORDS, MAX_TOKENS = 60, 112
HYPOTHESES = ["a chance for peace", "a reward for aggression"]
DEBERTA_WORDS = 128_100


def split() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The authored items: those whose texts are labelled, drawn with a fixed seed, and the rest."""
    rows = [json.loads(line) for path in sorted(CORPUS.glob("*.jsonl")) for line in path.open(encoding="utf-8")]
    random.Random(SEED).shuffle(rows)  # noqa: S311
    return rows[:TEXTS], rows[TEXTS:]


def text_of(row: dict[str, Any]) -> Text:
    """Headline and lead."""
    return Text(row["title"], row.get("summary") or "")


def some(texts: Sequence[Text], count: int) -> list[Text]:
    """`count` of the texts, evenly spread over their lengths."""
    if count >= len(texts):
        return list(texts)
    by_length = sorted(texts, key=lambda text: len(text.title) + len(text.summary))
    return [by_length[(2 * i + 1) * len(texts) // (2 * count)] for i in range(count)]


def _inputs(texts: Sequence[Text]) -> list[str]:
    return [model_input(text, SUMMARY_WORDS) for text in texts]


def _embedded(texts: Sequence[Text], *, evidence: bool = False) -> Callable[[], object]:
    classifier = load_classifier()
    return lambda: classifier.classify(texts, evidence=evidence)


def _encoder(shape: str, words: int) -> Any:
    from transformers import BertConfig, BertModel, MPNetConfig, MPNetModel

    from media_coverage.finetune import LAYERS

    if shape == "MiniLM":
        sizes = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
        return BertModel(BertConfig(vocab_size=words, **sizes), add_pooling_layer=False)
    return MPNetModel(MPNetConfig(vocab_size=words, num_hidden_layers=LAYERS), add_pooling_layer=False)


def _torch(texts: Sequence[Text], *, shape: str, batch: int) -> Callable[[], object]:
    """An encoder with a head in eager torch: sorted by length, padded to the longest of the batch."""
    import torch

    torch.set_num_threads(cores())
    tokenizer = load_tokenizer(EMBEDDED / "tokenizer.json", MAX_TOKENS)
    encoder = _encoder(shape, tokenizer.get_vocab_size()).eval()
    head = torch.nn.Linear(encoder.config.hidden_size, 3)

    def batches() -> Iterator[list[list[int]]]:
        pieces = sorted((tokenizer.encode(text).ids for text in _inputs(texts)), key=len)
        return (pieces[start : start + batch] for start in range(0, len(pieces), batch))

    def work() -> None:
        with torch.inference_mode():
            for members in batches():
                longest = len(members[-1])
                ids = torch.tensor([each + [1] * (longest - len(each)) for each in members])
                mask = torch.tensor([[1] * len(each) + [0] * (longest - len(each)) for each in members])
                states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
                share = mask.unsqueeze(-1) / mask.sum(1)[:, None, None]
                head((states * share).sum(1)).tolist()

    return work


def _deberta() -> Any:
    """A network of the shape of DeBERTa-v3-base with an inference head."""
    from transformers import DebertaV2Config, DebertaV2ForSequenceClassification

    config = DebertaV2Config(
        vocab_size=DEBERTA_WORDS,
        hidden_size=768,
        num_hidden_layers=12,
        num_attention_heads=12,
        intermediate_size=3072,
        max_position_embeddings=512,
        relative_attention=True,
        position_buckets=256,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        type_vocab_size=0,
        position_biased_input=False,
        id2label={0: "entailment", 1: "neutral", 2: "contradiction"},
        label2id={"entailment": 0, "neutral": 1, "contradiction": 2},
    )
    return DebertaV2ForSequenceClassification(config)


def _word_tokenizer(texts: Sequence[str], size: int) -> Any:
    """A tokenizer with `size` entries that makes one piece of every word: no real one makes fewer."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    cut = pre_tokenizers.BertPreTokenizer()
    words = sorted({word for text in texts for word, _ in cut.pre_tokenize_str(text)})
    known = dict.fromkeys([*special, *words, *(f"[unused{i}]" for i in range(size))])
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(list(known)[:size])}, "[UNK]"))
    tokenizer.pre_tokenizer = cut
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    names = {f"{name.strip('[]').lower()}_token": name for name in special}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=512, **names)


def _zero_shot(texts: Sequence[Text], *, batch: int) -> Callable[[], object]:
    """The pipeline as documented: one pass per text and hypothesis, several labels allowed."""
    import torch
    from transformers import pipeline
    from transformers.utils import logging

    logging.set_verbosity_error()
    torch.set_num_threads(cores())
    inputs = _inputs(texts)
    template = "This text presents the talks as {}."
    tokenizer = _word_tokenizer([*inputs, template, *HYPOTHESES], DEBERTA_WORDS)
    ask = pipeline("zero-shot-classification", model=_deberta().eval(), tokenizer=tokenizer, device="cpu")
    return lambda: ask(inputs, HYPOTHESES, multi_label=True, hypothesis_template=template, batch_size=batch)


def _tfidf(texts: Sequence[Text]) -> Callable[[], object]:
    """Words and pairs of words, one logistic regression per output, learned from the other authored items."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    _, rest = split()
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    known = vectors.fit_transform(_inputs([text_of(row) for row in rest]))
    heads = [
        LogisticRegression(max_iter=1000, class_weight="balanced").fit(known, [row[output] for row in rest])
        for output in ("rel", "hope", "appease")
    ]

    def work() -> None:
        matrix = vectors.transform(_inputs(texts))
        for head in heads:
            head.predict_proba(matrix)

    return work


@dataclass(frozen=True, slots=True)
class Contender:
    """`prepare` turns texts into the work that is timed; `cores` 0 stands for all that we may use."""

    title: str
    prepare: Callable[[Sequence[Text]], Callable[[], object]]
    cores: int = 0
    texts: int = TEXTS


CONTENDERS = {
    "embedded": Contender("embedded model", _embedded),
    "embedded-1": Contender("embedded model, one core", _embedded, cores=1),
    "embedded-evidence": Contender("embedded model with the deciding sentence", partial(_embedded, evidence=True)),
    "torch-16": Contender("torch, the same network, batches of 16", partial(_torch, shape="MPNet", batch=16)),
    "torch-1": Contender("torch, the same network, one at a time", partial(_torch, shape="MPNet", batch=1)),
    "minilm-16": Contender("torch, MiniLM-L6, batches of 16", partial(_torch, shape="MiniLM", batch=16)),
    "minilm-1": Contender("torch, MiniLM-L6, one at a time", partial(_torch, shape="MiniLM", batch=1)),
    "zero-shot-1": Contender("zero-shot pipeline, as documented", partial(_zero_shot, batch=1), texts=FEW_TEXTS),
    "zero-shot-16": Contender("zero-shot pipeline, batches of 16", partial(_zero_shot, batch=16), texts=FEW_TEXTS),
    "tfidf": Contender("TF-IDF and logistic regression", _tfidf),
}


def peak_memory() -> int:
    """Largest resident memory of this process so far, in KiB. Linux only: elsewhere it includes the parent's."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def kernels() -> list[str]:
    """What multiplies matrices in this process: the libraries that are loaded, with the kernels that they chose."""
    from threadpoolctl import threadpool_info

    found = [f"{each['internal_api']} {each.get('architecture', '')}".strip() for each in threadpool_info()]
    if "torch" in sys.modules:
        found.append(f"torch {sys.modules['torch'].backends.cpu.get_cpu_capability()}")
    if "onnxruntime" in sys.modules:
        found.append(f"onnxruntime on {processor()}")
    return sorted(set(found))


def measured(name: str, repetitions: int) -> dict[str, Any]:
    """Get ready, run once to warm up, then `repetitions` times."""
    contender = CONTENDERS[name]
    if contender.cores:  # before anything starts its threads
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: contender.cores])
    texts = some([text_of(row) for row in split()[0]], contender.texts)
    began = time.perf_counter()
    work = contender.prepare(texts)
    ready = time.perf_counter() - began
    seconds = []
    for _ in range(repetitions + 1):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return {
        "title": contender.title,
        "cores": cores(),
        "texts": len(texts),
        "ready_seconds": ready,
        "seconds": seconds[1:],
        "peak_kib": peak_memory(),
        "kernels": kernels(),
    }


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
