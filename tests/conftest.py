"""Fixtures: agents that end with the test, whose log is shown when the test fails."""
import os
import signal
import tempfile

import pytest

import harness


def pytest_configure(config):
    # A shell that runs this in the background ignores the interrupt, and whom we start would inherit that: commands that follow something end by it.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A directory of this run's own: pytest's default one is shared, and cleared by whoever runs next.
    if config.option.basetemp is None:
        config.option.basetemp = config.drover_folder = tempfile.mkdtemp(prefix="drover-tests-")


def pytest_unconfigure(config):
    folder = getattr(config, "drover_folder", None)
    if folder is None:
        return
    harness.remove_folder(folder)


@pytest.fixture(scope="session")
def nomad(tmp_path_factory):
    """The same binary under the name `nomad`."""
    path = tmp_path_factory.mktemp("bin") / "nomad"
    os.symlink(os.path.realpath(harness.BINARY), path)
    return str(path)


def _factory(tmp_path_factory, made):
    def make(label="agent", **options):
        agent = harness.Agent(tmp_path_factory.mktemp(label), **options)
        made.append(agent)
        return agent

    return make


def _close(made):
    problems = []
    for agent in made:
        try:
            agent.close()
        except Exception as problem:  # the others must end too
            problems.append(problem)
    if problems:
        raise problems[0]


@pytest.fixture
def agent(make_agent):
    """One agent of the test's own."""
    return make_agent().start()


@pytest.fixture(scope="module")
def shared_agent(request, tmp_path_factory):
    """One agent for all tests of a file; they use jobs of different names."""
    made = []
    agent = _factory(tmp_path_factory, made)("shared")
    request.module.agents_of_module = made
    try:
        yield agent.start()
    finally:
        _close(made)


@pytest.fixture
def make_agent(request, tmp_path_factory):
    """Makes agents of this test alone; each is started by the test."""
    made = []
    request.node.agents = made
    try:
        yield _factory(tmp_path_factory, made)
    finally:
        _close(made)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    for agent in [*getattr(item, "agents", []), *getattr(item.module, "agents_of_module", [])]:
        report.sections.append((f"log of {agent.name} (end)", agent.log()[-8000:]))
