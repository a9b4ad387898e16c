"""Two ears: long frames for what holds a pitch, short ones for what strikes, and an oscillator below both."""

from musika_daw.instrument.models.ears.analysis import Ears
from musika_daw.instrument.models.ears.coder import EarsDecoder, EarsEncoder
from musika_daw.instrument.models.ears.harmonics import Pitches
from musika_daw.instrument.models.ears.layout import Layout
from musika_daw.instrument.models.ears.synthesis import Synthesis

__all__ = ["Ears", "EarsDecoder", "EarsEncoder", "Layout", "Pitches", "Synthesis"]
