#include "engine/train/training_wire.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "engine/train/sgd.h"
#include "ops/core/error.h"

namespace cleave {

namespace {

using Json = nlohmann::json;

// Reads with `read`; what the other end garbled is an error of the world, not a crash.
template <class Read>
auto parsed(std::string_view text, const Read& read) {
  try {
    return read(Json::parse(text));
  } catch (const Json::exception&) {
    throw RunError("a message of the training run cannot be read; are both ends the same version of cleave?");
  }
}

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }
double number_from(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

}  // namespace

std::string options_to_json(const TrainOptions& o) {
  return Json{{"batch", o.batch},
              {"steps", o.steps},
              {"lambda", o.lambda},
              {"reduce", o.reduce},
              {"pick_body", o.pick_body},
              {"pick_head", o.pick_head},
              {"async", o.mode == TrainMode::async},
              {"policy", static_cast<int>(o.buffer.policy)},
              {"capacity", o.buffer.capacity},
              {"drop_oldest", o.buffer.drop_oldest},
              {"stop_early", o.stop_early},
              {"seed", o.seed},
              {"trace_every", o.trace_every},
              {"algorithm", o.algorithm},
              {"sgd", {o.sgd.learning_rate, o.sgd.momentum}},
              {"sgd_batch", o.sgd.batch},
              {"temperature", {o.start_temperature, o.end_temperature}},
              {"annealed_steps", o.annealed_steps},
              {"warm_up", o.warm_up},
              {"keep", {o.keep_draws, o.keep_every}},
              {"lanes", o.lanes}}
      .dump();
}

TrainOptions options_from_json(std::string_view json) {
  return parsed(json, [](const Json& j) {
    TrainOptions o;
    o.batch = j.at("batch");
    o.steps = j.at("steps");
    o.lambda = j.at("lambda");
    o.reduce = j.at("reduce");
    o.pick_body = j.at("pick_body");
    o.pick_head = j.at("pick_head");
    o.mode = j.at("async").get<bool>() ? TrainMode::async : TrainMode::lockstep;
    o.buffer.policy = static_cast<BufferPolicy>(std::clamp(j.at("policy").get<int>(), 0, 2));
    o.buffer.capacity = j.at("capacity");
    o.buffer.drop_oldest = j.at("drop_oldest");
    o.stop_early = j.at("stop_early");
    o.seed = j.at("seed");
    o.trace_every = j.at("trace_every");
    o.algorithm = j.at("algorithm");
    o.sgd.learning_rate = j.at("sgd").at(0);
    o.sgd.momentum = j.at("sgd").at(1);
    o.sgd.batch = j.at("sgd_batch");
    o.start_temperature = j.at("temperature").at(0);
    o.end_temperature = j.at("temperature").at(1);
    o.annealed_steps = j.at("annealed_steps");
    o.warm_up = j.at("warm_up");
    o.keep_draws = j.at("keep").at(0);
    o.keep_every = j.at("keep").at(1);
    o.lanes = j.at("lanes");
    return o;
  });
}

std::string progress_to_json(const BatchProgress& b) {
  return Json{{"number", b.number},
              {"epoch", b.epoch},
              {"batch", b.batch},
              {"learnt", b.learnt},
              {"sent", b.sent},
              {"images", b.images},
              {"module", static_cast<std::int32_t>(b.module)},
              {"loss", number_or_null(b.loss)},
              {"mean_loss", number_or_null(b.mean_loss)},
              {"log_prior", number_or_null(b.log_prior)},
              {"accepted_body", b.accepted_body},
              {"accepted_head", b.accepted_head},
              {"steps", b.steps},
              {"steps_per_s", number_or_null(b.steps_per_s)},
              {"not_finite", b.not_finite},
              {"arrived", b.buffer.arrived},
              {"dropped", b.buffer.dropped},
              {"reused", b.buffer.reused},
              {"waiting", b.buffer.waiting},
              {"put_wait_s", b.buffer.put_wait_s},
              {"take_wait_s", b.buffer.take_wait_s},
              {"silent_s", b.buffer.silent_s}}
      .dump();
}

BatchProgress progress_from_json(std::string_view json) {
  return parsed(json, [](const Json& j) {
    BatchProgress p;
    p.number = j.at("number");
    p.epoch = j.at("epoch");
    p.batch = j.at("batch");
    p.learnt = j.at("learnt");
    p.sent = j.at("sent");
    p.images = j.at("images");
    p.module = ModuleId{j.at("module").get<std::int32_t>()};
    p.loss = number_from(j.at("loss"));
    p.mean_loss = number_from(j.at("mean_loss"));
    p.log_prior = number_from(j.at("log_prior"));
    p.accepted_body = j.at("accepted_body");
    p.accepted_head = j.at("accepted_head");
    p.steps = j.at("steps");
    p.steps_per_s = number_from(j.at("steps_per_s"));
    p.not_finite = j.at("not_finite");
    p.buffer.arrived = j.at("arrived");
    p.buffer.dropped = j.at("dropped");
    p.buffer.reused = j.at("reused");
    p.buffer.waiting = j.at("waiting");
    p.buffer.put_wait_s = j.at("put_wait_s");
    p.buffer.take_wait_s = j.at("take_wait_s");
    p.buffer.silent_s = j.at("silent_s");
    return p;
  });
}

std::string trace_to_json(ModuleId module, const std::vector<TraceRow>& rows) {
  Json list = Json::array();
  for (const TraceRow& row : rows)
    list.push_back({row.step, row.batch, row.part == Part::head, *row.layer, row.accepted, number_or_null(row.loss),
                    number_or_null(row.log_prior), number_or_null(row.log_ratio), number_or_null(row.jump),
                    number_or_null(row.lambda)});
  return Json{{"module", static_cast<std::int32_t>(module)}, {"rows", list}}.dump();
}

std::vector<TraceRow> trace_from_json(std::string_view json, const Graph& graph, ModuleId& module) {
  return parsed(json, [&](const Json& j) {
    module = ModuleId{j.at("module").get<std::int32_t>()};
    std::vector<TraceRow> rows;
    for (const Json& r : j.at("rows")) {
      TraceRow row{r.at(0),
                   r.at(1),
                   r.at(2).get<bool>() ? Part::head : Part::body,
                   nullptr,
                   r.at(4),
                   number_from(r.at(5)),
                   number_from(r.at(6)),
                   number_from(r.at(7)),
                   number_from(r.at(8)),
                   number_from(r.at(9))};
      const std::string name = r.at(3);
      for (const Node& node : graph.nodes)
        if (node.name == name) row.layer = &node.name;
      if (name == every_layer()) row.layer = &every_layer();
      if (row.layer != nullptr) rows.push_back(row);
    }
    return rows;
  });
}

std::string score_to_json(const NumberedScore& s) {
  return Json{{"module", static_cast<std::int32_t>(s.module)},
              {"number", s.number},
              {"images", s.score.images},
              {"correct", s.score.correct},
              {"cross_entropy", number_or_null(s.score.cross_entropy)}}
      .dump();
}

NumberedScore score_from_json(std::string_view json) {
  return parsed(json, [](const Json& j) {
    NumberedScore s;
    s.module = ModuleId{j.at("module").get<std::int32_t>()};
    s.number = j.at("number");
    s.score = {j.at("images"), j.at("correct"), number_from(j.at("cross_entropy"))};
    return s;
  });
}

}  // namespace cleave
