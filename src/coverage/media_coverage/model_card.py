"""The model card: a manifest in words, for whoever is handed the model. Text in, text out."""

from __future__ import annotations

from typing import Any


def markdown(manifest: dict[str, Any]) -> str:
    """MODEL_CARD.md of a trained model, from its manifest (model.json)."""
    training = manifest["training"]
    scores = training["cross_validation"]
    return (
        "\n\n".join(
            [
                f"# Model card: {manifest['name']}",
                _purpose(manifest),
                "## Data",
                _data(manifest, training),
                "## Figures",
                _figures(manifest, scores),
                _storage(training["stored_against_computed"]),
                _voice(manifest.get("voice")),
                "## Limits",
                _limits(training),
                "## Origin and licence",
                _origin(manifest, training),
            ]
        )
        + "\n"
    )


def _purpose(manifest: dict[str, Any]) -> str:
    frames = "; ".join(f"it carries the frame {frame['title']} (`{frame['output']}`)" for frame in manifest["frames"])
    labels = ", ".join(frame["name"] for frame in manifest["frames"])
    return (
        f"A text classifier (language: {manifest['language']}). From a headline and up to {manifest['summary_words']} "
        f"words of lead it gives three calibrated probabilities: the text is on the topic (`relevant`); {frames}. The "
        f"label follows from the two frames: {labels}, mixed or neither. Codebook {manifest['codebook_version']}.\n\n"
        "**Use it** for shares of frames in many texts, over time and between groups of outlets, with an audit sample "
        "that corrects for the error rates below. **Do not use it** to judge a single text, an author or an outlet."
    )


def _data(manifest: dict[str, Any], training: dict[str, Any]) -> str:
    rows = [
        ("items coded", training["items"]),
        ("relevant", training["relevant"]),
        *((frame["title"], training[frame["output"]]) for frame in manifest["frames"]),
        ("both frames", training["mixed"]),
        ("headline without lead", training["headline_only"]),
        ("coded as a coin-flip", training["coin_flips"]),
        ("learned from, never scored", training["learned_only"]),
    ]
    table = "\n".join(["| | items |", "|---|---:|", *(f"| {what} | {count:,} |" for what, count in rows)])
    period = f"{training['first_date']} to {training['last_date']}" if training["first_date"] else "dates not given"
    outlets = f"{training['outlets']} outlets" if training["outlets"] else "outlets not given"
    left_out = "".join(f"\n- {note}" for note in training["left_out"])
    rarest = min(training[frame["output"]] for frame in manifest["frames"])
    return (
        f"{table}\n\n{period}; {outlets}. The rarest frame has {rarest} items: that number, more than any other, "
        f"bounds what the model has learned and what the figures can tell.{left_out}"
    )


def _figures(manifest: dict[str, Any], scores: dict[str, Any]) -> str:
    def words(figure: dict[str, float]) -> str:
        return f"{figure['value']:.2f} [{figure['low']:.2f}, {figure['high']:.2f}]"

    classes = ", ".join(scores["f1_by_class"])
    scored = [
        (f"macro-F1 over {classes}", scores["macro_f1"]),
        *((f"F1 {name}", figure) for name, figure in scores["f1_by_class"].items()),
        *(
            (f"{figure.replace('_', ' ')} `{name}`", figures[figure])
            for name, figures in scores["outputs"].items()
            for figure in ("average_precision", "precision", "recall", "calibration_error")
        ),
    ]
    table = "\n".join(["| | value |", "|---|---|", *(f"| {what} | {words(figure)} |" for what, figure in scored)])
    thresholds = ", ".join(f"{name} {value:.2f}" for name, value in manifest["thresholds"].items())
    return (
        f"Cross-validation in {scores['folds']} folds on {scores['items']} items, {scores['relevant_items']} of them "
        "relevant; near-duplicates share a fold, and calibration and thresholds come from the other folds. Frames are "
        "scored on relevant items; those coded with both frames are left out of the F1 by class. Square brackets: 95 % "
        f"bootstrap interval over items. Every figure is agreement with the coders of these items.\n\n{table}\n\n"
        f"Thresholds: {thresholds}."
    )


def _storage(change: dict[str, float]) -> str:
    return (
        f"Weights are stored in few bits. On the {change['items']} relevant items that the first fold holds out, "
        f"{100 * change['label_agreement']:.1f} % of the labels from the file are those computed in training, and a "
        f"probability differs by {change['mean_probability_change']:.4f} on average."
    )


def _voice(voice: dict[str, Any] | None) -> str:
    if voice is None:
        return "It does not say whose voice a frame is in: too few voices were coded, or none."
    figures = voice["cross_validation"]
    alpha, right = (
        f"{figures[name]['value']:.2f} [{figures[name]['low']:.2f}, {figures[name]['high']:.2f}]"
        for name in ("alpha", "right")
    )
    return (
        "Of a text with a frame it also says whether the frame is in the outlet's own voice, alone or beside a quoted "
        f"one, or only quoted (`p_own`): a linear output on the token states after {voice['layer']} layers, learned "
        f"from {voice['items']} items ({voice['own']} in the outlet's own voice). Told the coded frames, in "
        f"{figures['folds']} folds, it is right about {right} and agrees with the coders at Krippendorff's alpha "
        f"{alpha}. The layers below it have learned the frames of all these items, though no voice."
    )


def _limits(training: dict[str, Any]) -> str:
    return (
        "- Headline and lead are read, nothing else.\n"
        "- The model gives back what its coders did, blind spots included. Other outlets, other months and other "
        "topics than those coded come out worse than the figures say.\n"
        "- Two lines on a chart differ only as far as their intervals and these error rates let them."
        + ("\n- Coders marked codes as coin-flips: no model can do better there." if training["coin_flips"] else "")
    )


def _origin(manifest: dict[str, Any], training: dict[str, Any]) -> str:
    base = manifest["base"]
    licence = (
        f"its licence lies beside this card: {', '.join(base['licences'])}"
        if base["licences"]
        else "no licence was found beside its weights: find out what it allows before you pass this model on"
    )
    versions = ", ".join(f"{name} {version}" for name, version in training["versions"].items())
    folds = training["cross_validation"]["folds"]
    return (
        f"Fine-tuned on {training['date']} from {base['name']} (SHA-256 of the weights {base['sha256']}); {licence}. "
        "The encoder was fine-tuned on the items above, its output replaced by three classification outputs, the "
        "network converted to ONNX, and padding and truncation removed from the tokenizer.\n\n"
        f"The mean of the networks of {folds} folds, brought onto the grid of stored values with all items. "
        f"Seed {training['seed']} in the first fold, the next number in the next; "
        f"{training['precision']} on {training['device']} ({training['cpu']}); {versions}. The recipe stands in "
        "`model.json`. The same items, seed, versions and processor give the same weights."
    )
