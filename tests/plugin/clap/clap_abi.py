"""The structs of CLAP's ABI that a small host needs, as ctypes."""

from __future__ import annotations

import ctypes as c

SECOND = BEAT = 1 << 31  # of CLAP's fixed-point times
HAS_TEMPO, HAS_BEATS, HAS_SECONDS, HAS_SIGNATURE = 1, 2, 4, 8
IS_PLAYING, IS_LOOP = 16, 64
CORE_SPACE, EVENT_PARAM, EVENT_TRANSPORT = 0, 5, 9
PROCESS_ERROR = 0
EVENT_NOTE_ON, EVENT_NOTE_OFF, EVENT_MIDI = 0, 1, 10


class Version(c.Structure):
    _fields_ = [("major", c.c_uint32), ("minor", c.c_uint32), ("revision", c.c_uint32)]


class EventHeader(c.Structure):
    _fields_ = [
        ("size", c.c_uint32),
        ("time", c.c_uint32),
        ("space", c.c_uint16),
        ("type", c.c_uint16),
        ("flags", c.c_uint32),
    ]


class Param(c.Structure):
    _fields_ = [
        ("header", EventHeader),
        ("id", c.c_uint32),
        ("cookie", c.c_void_p),
        ("note", c.c_int32),
        ("port", c.c_int16),
        ("channel", c.c_int16),
        ("key", c.c_int16),
        ("value", c.c_double),
    ]


class Note(c.Structure):
    _fields_ = [
        ("header", EventHeader),
        ("note", c.c_int32),
        ("port", c.c_int16),
        ("channel", c.c_int16),
        ("key", c.c_int16),
        ("velocity", c.c_double),
    ]


class Midi(c.Structure):
    _fields_ = [("header", EventHeader), ("port", c.c_uint16), ("data", c.c_uint8 * 3)]


class Transport(c.Structure):
    _fields_ = [
        ("header", EventHeader),
        ("flags", c.c_uint32),
        ("beats", c.c_int64),
        ("seconds", c.c_int64),
        ("tempo", c.c_double),
        ("tempo_inc", c.c_double),
        ("loop_start_beats", c.c_int64),
        ("loop_end_beats", c.c_int64),
        ("loop_start_seconds", c.c_int64),
        ("loop_end_seconds", c.c_int64),
        ("bar_start", c.c_int64),
        ("bar_number", c.c_int32),
        ("numerator", c.c_uint16),
        ("denominator", c.c_uint16),
    ]


class Audio(c.Structure):
    _fields_ = [
        ("data32", c.POINTER(c.POINTER(c.c_float))),
        ("data64", c.c_void_p),
        ("channels", c.c_uint32),
        ("latency", c.c_uint32),
        ("constant", c.c_uint64),
    ]


SIZE = c.CFUNCTYPE(c.c_uint32, c.c_void_p)
GET = c.CFUNCTYPE(c.c_void_p, c.c_void_p, c.c_uint32)
PUSH = c.CFUNCTYPE(c.c_bool, c.c_void_p, c.POINTER(Param))
STREAM = c.CFUNCTYPE(c.c_int64, c.c_void_p, c.c_void_p, c.c_uint64)
EXTENSION = c.CFUNCTYPE(c.c_void_p, c.c_void_p, c.c_char_p)
REQUEST = c.CFUNCTYPE(None, c.c_void_p)


class InEvents(c.Structure):
    _fields_ = [("context", c.c_void_p), ("size", SIZE), ("get", GET)]


class OutEvents(c.Structure):
    _fields_ = [("context", c.c_void_p), ("push", PUSH)]


class Stream(c.Structure):
    _fields_ = [("context", c.c_void_p), ("move", STREAM)]


class Process(c.Structure):
    _fields_ = [
        ("steady", c.c_int64),
        ("frames", c.c_uint32),
        ("transport", c.POINTER(Transport)),
        ("inputs", c.POINTER(Audio)),
        ("outputs", c.POINTER(Audio)),
        ("input_count", c.c_uint32),
        ("output_count", c.c_uint32),
        ("in_events", c.POINTER(InEvents)),
        ("out_events", c.POINTER(OutEvents)),
    ]


class Host(c.Structure):
    _fields_ = [
        ("version", Version),
        ("data", c.c_void_p),
        ("name", c.c_char_p),
        ("vendor", c.c_char_p),
        ("url", c.c_char_p),
        ("text", c.c_char_p),
        ("extension", EXTENSION),
        ("restart", REQUEST),
        ("process", REQUEST),
        ("callback", REQUEST),
    ]


METHODS = {
    "init": c.CFUNCTYPE(c.c_bool, c.c_void_p),
    "destroy": c.CFUNCTYPE(None, c.c_void_p),
    "activate": c.CFUNCTYPE(c.c_bool, c.c_void_p, c.c_double, c.c_uint32, c.c_uint32),
    "deactivate": c.CFUNCTYPE(None, c.c_void_p),
    "start_processing": c.CFUNCTYPE(c.c_bool, c.c_void_p),
    "stop_processing": c.CFUNCTYPE(None, c.c_void_p),
    "reset": c.CFUNCTYPE(None, c.c_void_p),
    "process": c.CFUNCTYPE(c.c_int32, c.c_void_p, c.POINTER(Process)),
    "get_extension": c.CFUNCTYPE(c.c_void_p, c.c_void_p, c.c_char_p),
    "on_main_thread": c.CFUNCTYPE(None, c.c_void_p),
}


class Plugin(c.Structure):
    _fields_ = [("descriptor", c.c_void_p), ("data", c.c_void_p), *METHODS.items()]


class Entry(c.Structure):
    _fields_ = [
        ("version", Version),
        ("init", c.CFUNCTYPE(c.c_bool, c.c_char_p)),
        ("deinit", c.CFUNCTYPE(None)),
        ("factory", c.CFUNCTYPE(c.c_void_p, c.c_char_p)),
    ]


class Factory(c.Structure):
    _fields_ = [
        ("count", c.CFUNCTYPE(c.c_uint32, c.c_void_p)),
        ("descriptor", c.CFUNCTYPE(c.c_void_p, c.c_void_p, c.c_uint32)),
        ("create", c.CFUNCTYPE(c.c_void_p, c.c_void_p, c.c_void_p, c.c_char_p)),
    ]


class StateExtension(c.Structure):
    _fields_ = [
        ("save", c.CFUNCTYPE(c.c_bool, c.c_void_p, c.c_void_p)),
        ("load", c.CFUNCTYPE(c.c_bool, c.c_void_p, c.c_void_p)),
    ]


class RenderExtension(c.Structure):
    _fields_ = [("hard", c.CFUNCTYPE(c.c_bool, c.c_void_p)), ("set", c.CFUNCTYPE(c.c_bool, c.c_void_p, c.c_int32))]
