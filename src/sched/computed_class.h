// The computed class of a node: nodes of one class are interchangeable for every constraint that names nothing unique, so that
// feasibility is decided once per class and blocked evaluations wait for classes. Pure; any thread.
#pragma once

#include <string>

#include "schema/fwd.h"

namespace drover::sched {

// "v1:<uint64>": a hash, stable between runs and machines, of datacenter, pool, class, attributes and metadata whose key does not start
// with "unique.", healthy drivers, devices, host volumes and network modes. What is left out must not decide feasibility by class.
std::string computed_class(const schema::node& node);

// True for attribute, meta and node targets that differ from node to node ("${attr.unique.hostname}", "${node.unique.id}"): a
// constraint on one escapes the class.
bool escapes_class(std::string_view target);

}  // namespace drover::sched
