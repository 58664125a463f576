# The version that users see; DROVER_NOMAD_VERSION is the Nomad release whose public surface we answer for.
set(DROVER_VERSION "0.1.0")
set(DROVER_NOMAD_VERSION "1.11.3")
add_compile_definitions(DROVER_VERSION="${DROVER_VERSION}" DROVER_NOMAD_VERSION="${DROVER_NOMAD_VERSION}")
