// Ansible: an inventory, a playbook and the units of systemd that it installs.
#include <set>

#include <fmt/format.h>

#include "engine/cli/command.h"
#include "engine/cli/deploy.h"

namespace cleave {

namespace {

// A value of an inventory is read as a Python literal where it is one: 1e5 would become 100000.0, None nothing. What
// begins with a letter is none; the rest is put into quotes that Ansible takes off again.
std::string inventory_value(const std::string& text) {
  const bool letter = (text.front() >= 'a' && text.front() <= 'z') || (text.front() >= 'A' && text.front() <= 'Z');
  const bool word = text == "None" || text == "True" || text == "False";
  return letter && !word ? text : fmt::format("\"'{}'\"", text);
}

std::string inventory(const DeployRequest& request) {
  std::string text = deploy_comment(request, "Workers") + "[cleave_workers]\n";
  for (const DeployWorker& worker : request.workers)
    text += fmt::format("worker-{} ansible_host={} cleave_device={} cleave_program={}\n", worker.device,
                        inventory_value(worker.host), inventory_value(worker.device),
                        worker.arch.empty() ? "cleave" : "cleave-" + worker.arch);
  return text;
}

constexpr const char* kStart = R"(- name: Workers of cleave
  hosts: cleave_workers
  become: true
  gather_facts: false
  vars:
    cleave_programs: "{{ playbook_dir }}/bin"
  tasks:
    - name: A user for it
      ansible.builtin.user:
        name: cleave
        system: true
        create_home: false
        shell: /usr/sbin/nologin
    - name: The program
      ansible.builtin.copy:
        src: "{{ cleave_programs }}/{{ cleave_program }}"
        dest: /usr/local/bin/cleave
        owner: root
        group: root
        mode: "0755"
      notify: Restart the worker
)";

constexpr const char* kKeys = R"(    - name: The folder of its keys
      ansible.builtin.file:
        path: "/etc/cleave/keys/{{ cleave_device }}"
        state: directory
        owner: root
        group: cleave
        mode: "0750"
    - name: Its keys
      ansible.builtin.copy:
        src: "{{ cleave_keys }}/{{ item }}"
        dest: "/etc/cleave/keys/{{ cleave_device }}/"
        owner: root
        group: cleave
        mode: "0640"
      loop: [authority.crt, revoked.pem, "{{ cleave_device }}.crt", "{{ cleave_device }}.key"]
      diff: false
      notify: Restart the worker
)";

constexpr const char* kEnd = R"(    - name: The unit
      ansible.builtin.copy:
        src: "{{ playbook_dir }}/units/cleave-{{ inventory_hostname }}.service"
        dest: "/etc/systemd/system/cleave-{{ inventory_hostname }}.service"
        owner: root
        group: root
        mode: "0644"
      notify: Restart the worker
    - name: Start it now and at every boot
      ansible.builtin.systemd:
        name: "cleave-{{ inventory_hostname }}.service"
        daemon_reload: true
        enabled: true
        state: started
  handlers:
    - name: Restart the worker
      ansible.builtin.systemd:
        name: "cleave-{{ inventory_hostname }}.service"
        state: restarted
)";

}  // namespace

Deployment deploy_ansible(const DeployRequest& request) {
  const bool keys = !request.keys.empty();
  Deployment deployment;
  deployment.files = {
      {"inventory.ini", inventory(request)},
      {"playbook.yaml", deploy_comment(request, "Installs the workers") + kStart + (keys ? kKeys : "") + kEnd}};
  deployment.next = key_commands(request);
  const std::string out = shell_word(request.out);
  deployment.next.push_back(fmt::format("mkdir -p {}/bin", out));
  std::set<std::string> arches;
  for (const DeployWorker& worker : request.workers) {
    deployment.files.push_back({"units/" + unit_name(worker), worker_unit(request, worker)});
    if (!arches.insert(worker.arch).second) continue;
    const std::string end = worker.arch.empty() ? "" : "-" + worker.arch;
    deployment.next.push_back(fmt::format("cp CLEAVE{} {}/bin/cleave{}", end.empty() ? "" : "-FOR" + end, out, end));
  }
  const std::string key_words =
      keys ? fmt::format(" -e \"cleave_keys='$(realpath {})'\"", shell_word(request.keys)) : "";
  deployment.next.push_back(
      fmt::format("ansible-playbook --ask-become-pass -i {0}/inventory.ini{1} {0}/playbook.yaml", out, key_words));
  deployment.next.push_back("cleave devices doctor " + request.model);
  return deployment;
}

}  // namespace cleave
