// One thread (the caller's) reads what the coordinator says; the job, if there is one, runs on another. An assignment
// comes in pieces: assign, model, weights, states, begin. Whatever is assigned anew, or by a new coordinator, ends the
// job that runs: the coordinator knows what it does.
#include "engine/runtime/worker.h"

#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "engine/runtime/kept_weights.h"
#include "engine/runtime/link_probe.h"
#include "engine/runtime/probe.h"

namespace cleave {

void JobSignals::when_stopped(std::function<void()> call) {
  const std::lock_guard lock(gate_);
  on_stop_ = std::move(call);
  if (stopped_ && on_stop_) on_stop_();
}

void JobSignals::when_told(std::function<void(const ControlMessage&)> call) {
  const std::lock_guard lock(gate_);
  on_message_ = std::move(call);
  if (on_message_)
    for (const ControlMessage& message : std::exchange(told_, {})) on_message_(message);
}

void JobSignals::stop() {
  const std::lock_guard lock(gate_);
  if (stopped_.exchange(true)) return;
  if (on_stop_) on_stop_();
}

void JobSignals::tell(ControlMessage message) {
  const std::lock_guard lock(gate_);
  if (on_message_) on_message_(message);
  else told_.push_back(std::move(message));
}

void JobSignals::forget() {
  const std::lock_guard lock(gate_);
  on_stop_ = nullptr;
  on_message_ = nullptr;
}

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kAnswerS = 2;
constexpr double kForgottenS = 600;  // silence of a coordinator after which its job is dropped

// An assignment as it comes in, and the job it becomes.
struct Job {
  Assignment assignment;
  std::string model_text;
  std::vector<std::byte> weights;
  std::vector<ControlMessage> states;
  JobSignals signals;
  std::thread thread;
};

class Worker {
 public:
  Worker(const WorkerOptions& options, std::span<const JobDef> jobs);
  ~Worker() { end_job(); }
  void serve(const std::atomic<bool>& stop);

 private:
  void handle(ControlMessage message);
  void assign(std::string_view json);
  void confirm(std::string_view incarnation);
  void begin();
  bool find_weights();
  void keep_weights();
  void end_job();
  void drop_when_forgotten();
  void tell(ControlKind kind, std::string_view text, const Job& job);

  const WorkerOptions& options_;
  const std::span<const JobDef> jobs_;
  const std::uint64_t boot_id_ = random_id();
  Acceptor acceptor_;
  Bridge control_;
  ControlLink link_;
  std::mutex telling_;  // the job and this thread both speak
  std::unique_ptr<Job> job_;
  std::int64_t peer_changes_ = 0;
  std::atomic<bool> is_busy_ = false;
  Clock::time_point heard_ = Clock::now();
};

BridgeOptions control_bridge(const WorkerOptions& options, std::uint64_t boot_id) {
  BridgeOptions bridge;
  bridge.session = control_session(options.name, kCoordinator, boot_id);
  bridge.name = "coordinator";
  bridge.log = options.log;
  return bridge;
}

Worker::Worker(const WorkerOptions& options, std::span<const JobDef> jobs)
    : options_(options),
      jobs_(jobs),
      acceptor_(options.listen, options.tls, {}, options.log),
      control_(control_bridge(options, boot_id_)),
      link_(control_) {
  acceptor_.answer(kProbeEdge, [this](Channel& channel, const Greeting& hello) {
    const char* state = is_busy_ ? "running" : "idle";
    answer_probe(channel, hello, own_probe_answer(options_.name, boot_id_, state, ""), kAnswerS);
  });
  acceptor_.answer(kLinkProbeEdge, [this](Channel& channel, const Greeting& hello) {
    answer_link_probe(channel, hello, options_.name);
  });
  control_.start();
  acceptor_.add(control_);
  if (options.listening) options.listening(acceptor_.address());
}

void Worker::serve(const std::atomic<bool>& stop) {
  constexpr double kLookS = 0.1;  // how soon a stop is seen
  while (!stop) {
    std::optional<ControlMessage> message = link_.receive(kLookS);
    if (const std::int64_t changes = control_.status().peer_changes; changes != peer_changes_) {
      peer_changes_ = changes;
      if (job_ != nullptr) options_.log("another coordinator has come: its predecessor's work is dropped");
      end_job();
    }
    if (message) handle(std::move(*message));
    drop_when_forgotten();
  }
  end_job();
  acceptor_.remove(control_);
}

void Worker::drop_when_forgotten() {
  const Clock::time_point now = Clock::now();
  if (control_.status().state == LinkState::up || job_ == nullptr) heard_ = now;
  if (std::chrono::duration<double>(now - heard_).count() < kForgottenS) return;
  options_.log(fmt::format("the coordinator has been away for {:.0f} min: its work is dropped", kForgottenS / 60));
  end_job();
}

void Worker::handle(ControlMessage message) {
  if (message.kind == ControlKind::assign) return assign(message.text());
  if (message.kind == ControlKind::still) return confirm(message.text());
  if (job_ == nullptr) return;  // left over from a job that has ended
  switch (message.kind) {
    case ControlKind::model: job_->model_text = message.text(); break;
    case ControlKind::weights:
      job_->weights = std::move(message.body);
      keep_weights();
      begin();
      break;
    case ControlKind::begin:
      if (find_weights()) begin();
      break;
    case ControlKind::release: end_job(); break;
    case ControlKind::state:
      if (!job_->thread.joinable()) {
        job_->states.push_back(std::move(message));
        break;
      }
      [[fallthrough]];
    default: job_->signals.tell(std::move(message));
  }
}

void Worker::assign(std::string_view json) {
  end_job();
  auto job = std::make_unique<Job>();
  try {
    job->assignment = parse_assignment(json);
  } catch (const std::exception& error) {
    return tell(ControlKind::failed, error.what(), *job);
  }
  job_ = std::move(job);
  is_busy_ = true;
}

// Whether the weights are here, or none are needed; else asks for them.
bool Worker::find_weights() {
  const std::string& hash = job_->assignment.weights_hash;
  if (hash.empty()) return true;
  if (!options_.run_dir.empty() && read_kept_weights(options_.run_dir, hash, job_->weights)) return true;
  tell(ControlKind::want, "", *job_);
  return false;
}

void Worker::keep_weights() {
  if (options_.run_dir.empty()) return;
  try {
    write_kept_weights(options_.run_dir, job_->assignment.weights_hash, job_->weights);
  } catch (const std::exception& error) {
    options_.log(fmt::format("weights are not kept for the next run: {}", error.what()));
  }
}

void Worker::confirm(std::string_view incarnation) {
  if (job_ != nullptr && std::to_string(job_->assignment.incarnation) == incarnation) return;
  const std::lock_guard lock(telling_);
  link_.send(ControlKind::lacks, incarnation, [this] { return control_.status().state != LinkState::up; });
}

void Worker::begin() {
  if (job_->thread.joinable()) return;
  Job& job = *job_;
  job.thread = std::thread([this, &job] {
    JobContext context{
        job.assignment,     job.model_text,
        job.weights,        job.states,
        *options_.language, acceptor_,
        options_.tls,       boot_id_,
        job.signals,        [this, &job](ControlKind kind, std::string_view text) { tell(kind, text, job); },
        options_.log};
    try {
      for (const JobDef& def : jobs_)
        if (job.assignment.mode == def.mode) return def.run(context);
      throw RunError(fmt::format("this worker cannot do '{}'; is it an older version?", job.assignment.mode));
    } catch (const std::exception& error) {
      tell(ControlKind::failed, error.what(), job);
    }
  });
}

void Worker::end_job() {
  if (job_ == nullptr) return;
  job_->signals.stop();
  if (job_->thread.joinable()) job_->thread.join();
  job_.reset();
  is_busy_ = false;
}

// A job that was stopped has nothing more to say, and must not wait for a coordinator that is gone.
void Worker::tell(ControlKind kind, std::string_view text, const Job& job) {
  const std::lock_guard lock(telling_);
  link_.send(kind, text, [&job] { return job.signals.is_stopped(); });
}

}  // namespace

void run_worker(const WorkerOptions& options, std::span<const JobDef> jobs, const std::atomic<bool>& stop) {
  Worker(options, jobs).serve(stop);
}

}  // namespace cleave
