// What the plugin is called in every format. The ids are saved in songs: never change them.
#pragma once

#ifndef MUSIKA_VERSION
#error "MUSIKA_VERSION: not defined, the Makefile takes it from musika_daw/__init__.py"
#endif
#define MUSIKA_NAME "musika-daw"
#define MUSIKA_ID "org.musika-daw.generator"
#define MUSIKA_DESCRIPTION "Endless generated music on the timeline of the song"
