#include "formats/json.h"

QKV_JSON(, nlohmann::json);
QKV_JSON(, nlohmann::ordered_json);
