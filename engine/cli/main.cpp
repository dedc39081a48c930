#include <string>
#include <vector>

#include "engine/cli/command.h"

int main(int argc, char** argv) { return cleave::run_program(std::vector<std::string>(argv + 1, argv + argc)); }
