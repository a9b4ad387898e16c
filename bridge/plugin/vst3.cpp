// The VST3 face of the plugin: one object that is component, processor and controller at once, and its
// factory.
#include <travesty/factory.h>

#include <cstdio>
#include <cstring>
#include <new>

#include "version.hpp"
#include "vst3_component.hpp"
#include "vst3_controller.hpp"
#include "vst3_processor.hpp"

#if defined(_WIN32)
#define MUSIKA_EXPORT extern "C" __declspec(dllexport)
#else
#define MUSIKA_EXPORT extern "C" __attribute__((visibility("default")))
#endif

namespace musika {
namespace vst3 {

Vst3Plugin::Vst3Plugin()
    : component{&kComponent, this},
      processor{&kProcessor, this},
      controller{&kController, this},
      requirements{&kRequirements, this} {}

}  // namespace vst3
}  // namespace musika

namespace {

using namespace musika::vst3;

const v3_tuid kClassId = V3_ID(0x6D75736B, 0x69612D64, 0x61772D67, 0x656E3031);
constexpr char kSubCategories[] = "Instrument|Generator";
constexpr int32_t kManyInstances = 0x7FFFFFFF;
constexpr int32_t kUnicode = 0x10;

// The factory lives as long as the library.
v3_result V3_API factory_query(void* face, const v3_tuid id, void** object) {
    const bool known = v3_tuid_match(id, v3_funknown_iid) || v3_tuid_match(id, v3_plugin_factory_iid) ||
                       v3_tuid_match(id, v3_plugin_factory_2_iid);
    *object = known ? face : nullptr;
    return known ? V3_OK : V3_NO_INTERFACE;
}

uint32_t V3_API factory_reference(void*) {
    return 1;
}

v3_result V3_API get_factory_info(void*, v3_factory_info* info) {
    *info = {};
    std::snprintf(info->vendor, sizeof(info->vendor), "%s", MUSIKA_NAME);
    info->flags = kUnicode;
    return V3_OK;
}

int32_t V3_API num_classes(void*) {
    return 1;
}

v3_result V3_API get_class_info(void*, int32_t index, v3_class_info* info) {
    if (index != 0) return V3_INVALID_ARG;
    *info = {};
    std::memcpy(info->class_id, kClassId, sizeof(v3_tuid));
    info->cardinality = kManyInstances;
    std::snprintf(info->category, sizeof(info->category), "Audio Module Class");
    std::snprintf(info->name, sizeof(info->name), "%s", MUSIKA_NAME);
    return V3_OK;
}

v3_result V3_API get_class_info_2(void*, int32_t index, v3_class_info_2* info) {
    if (index != 0) return V3_INVALID_ARG;
    *info = {};
    std::memcpy(info->class_id, kClassId, sizeof(v3_tuid));
    info->cardinality = kManyInstances;
    std::snprintf(info->category, sizeof(info->category), "Audio Module Class");
    std::snprintf(info->name, sizeof(info->name), "%s", MUSIKA_NAME);
    std::snprintf(info->sub_categories, sizeof(info->sub_categories), "%s", kSubCategories);
    std::snprintf(info->vendor, sizeof(info->vendor), "%s", MUSIKA_NAME);
    std::snprintf(info->version, sizeof(info->version), "%s", MUSIKA_VERSION);
    std::snprintf(info->sdk_version, sizeof(info->sdk_version), "VST 3.7.4");
    return V3_OK;
}

v3_result V3_API create_instance(void*, const v3_tuid class_id, const v3_tuid interface_id, void** object) {
    *object = nullptr;
    if (!v3_tuid_match(class_id, kClassId)) return V3_NO_INTERFACE;
    auto* made = new (std::nothrow) Vst3Plugin;
    if (made == nullptr) return V3_NOMEM;
    const v3_result result = query_interface(&made->component, interface_id, object);
    release(&made->component);
    return result;
}

struct FactoryTable : v3_funknown {
    v3_plugin_factory v1;
    v3_plugin_factory_2 v2;
};

const FactoryTable make_factory() {
    FactoryTable table = {};
    static_cast<v3_funknown&>(table) = {factory_query, factory_reference, factory_reference};
    table.v1 = {get_factory_info, num_classes, get_class_info, create_instance};
    table.v2 = {get_class_info_2};
    return table;
}
const FactoryTable kFactoryTable = make_factory();
const void* const kFactoryFace = &kFactoryTable;

}  // namespace

MUSIKA_EXPORT const void* GetPluginFactory() {
    return &kFactoryFace;
}

#if defined(_WIN32)
MUSIKA_EXPORT bool InitDll() {
    return true;
}
MUSIKA_EXPORT bool ExitDll() {
    return true;
}
#elif defined(__APPLE__)
MUSIKA_EXPORT bool bundleEntry(void*) {
    return true;
}
MUSIKA_EXPORT bool bundleExit() {
    return true;
}
#else
MUSIKA_EXPORT bool ModuleEntry(void*) {
    return true;
}
MUSIKA_EXPORT bool ModuleExit() {
    return true;
}
#endif
