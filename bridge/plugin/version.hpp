// What the plugin is called in every format. The ids are saved in songs: never change them.
#pragma once

#ifndef MUSIKA_VERSION
#define MUSIKA_VERSION "0.1.0"
#endif
#define MUSIKA_NAME "musika-daw"
#define MUSIKA_ID "org.musika-daw.generator"
#define MUSIKA_DESCRIPTION "Endless generated music on the timeline of the song"
