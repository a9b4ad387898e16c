"""Measuring what a model makes: third-party trackers where there are any, and plain signal measures elsewhere.

```
tools        beat tracker and onset detector (extra `evaluate`), their versions
beats        beats -> tempo, error against the grid           bar      which beat is the downbeat
embedding    audio -> vectors; musicnn -> published vectors   spread   distances, Frechet, copies
onsets       matching, rate and density of onsets             spectra  STFT, mel, level
techno, piano, reconstruction   the three evaluations         report   results.json, table.md; pictures
```
Nothing here is used by the instrument, and no measure reads a label that a model was given.
"""
