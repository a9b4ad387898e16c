"""One job from seed to file: draw, judge, try again, label, write. Runs in the main process or in a worker."""

from dataclasses import replace

import numpy as np

from musika_daw.instrument.played import Take
from musika_daw.score.techno.shot import shot_score
from musika_daw.system.memory import give_back, settle, unsettle
from pack_builder.plan.jobs import Job
from pack_builder.plan.options import BuildOptions
from pack_builder.record.rows import Gap, Model
from pack_builder.render.attempts import first_good
from pack_builder.render.draw import controls_of, placed, raw_sound
from pack_builder.render.judge import Candidate, judge
from pack_builder.render.labels import Seeds
from pack_builder.render.midi import stretch_of, written_in
from pack_builder.render.one_shots.hits import judge_hit
from pack_builder.render.source import EngineLike, EngineSource
from pack_builder.render.stems.stems import stems_of, wanted
from pack_builder.render.write import Made, labelled, write_made

_kept: dict[tuple[EngineSource, str], EngineLike] = {}


def engine_of(source: EngineSource, model: str) -> EngineLike:
    """An engine; the last one is kept, since jobs come ordered by kind. It goes before another is loaded: two would
    cost memory for nothing."""
    if (source, model) not in _kept:
        _kept.clear()
        unsettle()
        give_back()
        _kept[source, model] = (
            source.load(model) if source.precision == "auto" else source.load(model, source.precision)
        )
        settle()  # memory is given back after each file, and what a model brings is long to look through
    return _kept[source, model]


def describe(source: EngineSource, model: str) -> Model:
    """What a model is; raises ValueError in one line where it cannot be loaded."""
    engine = engine_of(source, model)
    return Model(engine.kind, engine.name, engine.weights_hash, engine.precision)


def plays_score(source: EngineSource, model: str) -> bool:
    """Whether a model's music is written in a key that can be asked for."""
    return engine_of(source, model).key(source.controls(key="Amin")) is not None


def knows_density(source: EngineSource, model: str) -> bool:
    """Whether a model heeds the density that it is asked."""
    return "density" in engine_of(source, model).knows


def plays_notes(source: EngineSource, model: str) -> bool:
    """Whether it is known which notes a model plays."""
    return engine_of(source, model).played(Take(1.0), source.controls()) is not None


def renders_shots(source: EngineSource, model: str) -> bool:
    """Whether a model renders its one-shots from a score, so that none need be cut from loops."""
    return bool(engine_of(source, model).sounds)


def plays_parts(source: EngineSource, model: str) -> bool:
    """Whether the parts of a model's loops can be played apart."""
    return bool(engine_of(source, model).parts)


def make(source: EngineSource, model: str, job: Job, options: BuildOptions, heard: bool) -> Made:
    """Render one file of the pack to bytes; a gap where no attempt kept to the limits. Where the file is to be
    `heard` from the page, its card has sound."""
    engine = engine_of(source, model)

    def draw(attempt: int) -> np.ndarray:
        return raw_sound(source, engine, job, options.finish.sample_rate_hz, attempt=attempt)

    def judged(raw: np.ndarray, attempt: int) -> Candidate:
        controls = controls_of(source, job, attempt)
        if job.rendered:
            return judge_hit(raw, job, options.finish, shot_score(job.role, controls).root)
        told = job.shape == "take" or job.loops
        return judge(raw, job, options.finish, engine.played(stretch_of(job), controls) if told else None)

    outcome = first_good(job, options.finish.attempts, options.finish.keep_best, draw, judge=judged)
    if outcome.chosen is None or outcome.raw is None:
        bpm = None if job.bpm is None else float(job.bpm)
        return Made(Gap(job.key, job.kind, job.shape, job.role, bpm, outcome.tried))
    attempt = outcome.attempt
    controls = controls_of(source, job, attempt)
    return labelled(
        outcome.chosen,
        job,
        options,
        Seeds(job.seed(attempt), job.style(attempt)),
        describe(source, model),
        tried=outcome.tried,
        written=written_in(engine, job, controls, options.label.midi),
        heard=heard,
        stems=stems_of(engine, job, controls, outcome.raw, options=options) if wanted(job, options) else None,
    )


def place_draws(source: EngineSource, model: str, job: Job, sample_rate_hz: int) -> tuple[str, np.ndarray]:
    """The key of a loop's job, and where its draws lie; see `draw.placed`."""
    return job.key, placed(source, engine_of(source, model), job, sample_rate_hz)


def render_job(source: EngineSource, model: str, job: Job, options: BuildOptions, heard: bool) -> Made:
    """Make one file of the pack, whole or not at all, and give back what came of it, without the file's bytes."""
    made = make(source, model, job, options, heard)
    write_made(options.place.out, made)
    give_back()
    return replace(made, data=None, midi=None, stems=())
