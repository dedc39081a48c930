// Worker: the process on a device. It waits for a coordinator, is given a stage to run, runs it, and waits again.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "engine/runtime/assignment.h"
#include "engine/runtime/control.h"
#include "graphs/build.h"

namespace cleave {

// The name a coordinator bears in greetings and in its certificate.
inline constexpr const char* kCoordinator = "coordinator";

// What reaches a job from outside while it runs. Thread safe.
class JobSignals {
 public:
  // Called when the job is to end at once; at once, if it already is.
  void when_stopped(std::function<void()> call);
  // Called with what the coordinator says to the job; first with what it has said already.
  void when_told(std::function<void(const ControlMessage&)> call);
  void stop();
  void tell(ControlMessage message);
  bool is_stopped() const { return stopped_; }
  // No call after this.
  void forget();

 private:
  std::mutex gate_;
  std::atomic<bool> stopped_ = false;
  std::function<void()> on_stop_;
  std::function<void(const ControlMessage&)> on_message_;
  std::vector<ControlMessage> told_;
};

// What a job is given.
struct JobContext {
  const Assignment& assignment;
  const std::string& model_text;
  std::span<const std::byte> weights;
  const std::vector<ControlMessage>& states;
  const Language& language;
  Acceptor& acceptor;  // for the bridges whose other end dials
  const TlsFiles& tls;
  std::uint64_t boot_id;
  JobSignals& signals;
  std::function<void(ControlKind, std::string_view)> tell;  // to the coordinator
  std::function<void(const std::string&)> log;
};

// A kind of work: returns when everything is done and safe, or `signals` stops it; throws what went wrong.
struct JobDef {
  const char* mode;  // of an assignment
  const char* doc;
  void (*run)(JobContext& context);
};

struct WorkerOptions {
  Address listen;
  std::string name;     // of the device; "" = whatever the coordinator calls it
  std::string run_dir;  // where weights are kept for the next run; "" = they are not
  TlsFiles tls;
  const Language* language = nullptr;
  std::function<void(const Address&)> listening;  // called once connections are accepted
  std::function<void(const std::string&)> log;
};

// Serves coordinators until `stop` is set. A job whose coordinator has been silent for ten minutes is dropped. Throws
// RunError when the address cannot be listened on.
void run_worker(const WorkerOptions& options, std::span<const JobDef> jobs, const std::atomic<bool>& stop);

}  // namespace cleave
