#include "engine/runtime/net_job.h"

#include <chrono>
#include <thread>

#include <nlohmann/json.hpp>

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

MeasuredLink measure_to(const JobContext& context, const std::string& device) {
  constexpr double kConnectS = 5;
  MeasuredLink link{context.assignment.device(), device, {}, ""};
  try {
    const Address address = parse_address(context.assignment.addresses.at(device));
    const std::unique_ptr<Channel> channel = dial(address, context.tls, device, kConnectS);
    link.measure = measure_link(*channel, link.from, device);
  } catch (const std::exception& error) {
    link.fault = error.what();
  }
  return link;
}

}  // namespace

std::string to_json(const std::vector<MeasuredLink>& links) {
  Json list = Json::array();
  for (const MeasuredLink& link : links)
    list.push_back({{"from", link.from},
                    {"to", link.to},
                    {"latency_s", link.measure.latency_s},
                    {"spread_s", link.measure.spread_s},
                    {"up_bps", link.measure.up_bps},
                    {"down_bps", link.measure.down_bps},
                    {"bytes", link.measure.bytes},
                    {"fault", link.fault}});
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<MeasuredLink> measured_links(std::string_view json) {
  try {
    std::vector<MeasuredLink> links;
    for (const Json& link : Json::parse(json))
      links.push_back(
          {link.at("from"),
           link.at("to"),
           {link.at("latency_s"), link.at("spread_s"), link.at("up_bps"), link.at("down_bps"), link.at("bytes")},
           link.at("fault")});
    return links;
  } catch (const Json::exception&) {
    throw RunError("a worker's measurements cannot be read; are both ends the same version of cleave?");
  }
}

void measure_links(JobContext& context) {
  context.tell(ControlKind::ready, "{}");
  std::vector<MeasuredLink> links;
  for (const std::string& device : context.assignment.wanted)
    if (!context.signals.is_stopped()) links.push_back(measure_to(context, device));
  context.tell(ControlKind::done, to_json(links));
  while (!context.signals.is_stopped()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

}  // namespace cleave
