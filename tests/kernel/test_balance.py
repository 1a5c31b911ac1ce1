"""Every path through a scheme or an actor gives back what it takes; any other is reported."""

import itertools
import random
from dataclasses import fields, replace

import pytest

from dessim import registry
from dessim.kernel.alphabet import (
    add_folio_refs,
    clear_pte,
    count,
    dec,
    each_folio,
    each_in_range,
    each_mapping,
    each_page,
    each_page_of_folio,
    forget,
    from_head,
    get_page,
    go_to,
    inc,
    label,
    lock,
    lock_page,
    note,
    option,
    put_page,
    remember,
    remove_from_page_cache,
    retry_fault,
    set_pte,
    shootdown,
    to_head,
    trylock_page,
    unless,
    unlock,
    unlock_page,
    when,
    work,
)
from dessim.kernel.assembler import assemble
from dessim.kernel.balance import UnbalancedError, find_imbalance
from dessim.kernel.programs import device_program
from dessim.kernel.setup import Batches
from dessim.schemes.no_fault_around import SLOW_PATH, map_target, ordinary_path

MAP = (inc("page.mapcount"), set_pte())
SIZES = {f.name for f in fields(Batches)} - {"maps_folio", "rmap_batch"} | {"mremap_batches"}
FEATURES = list(itertools.product((False, True), repeat=3))


def a_scheme(*fault_around, slow_path=SLOW_PATH, **options):
    """Return a scheme that is in no folder."""
    return registry.Scheme("bad", "", fault_around, slow_path, options, {}, (), "mmap_lock")


def an_actor(*steps):
    """Return an actor that is in no folder."""
    return registry.Actor("bad", "", steps, {}, {})


def combinations(one):
    """Yield every combination of options that go together."""
    values = [
        (default,)
        if key in SIZES  # no step that takes or gives asks for it
        else one.choices.get(key) or ((False, True) if isinstance(default, bool) else (0, 1, 4))
        for key, default in one.options.items()
    ]
    for chosen in itertools.product(*values):
        options = dict(zip(one.options, chosen, strict=True))
        if not any(clash.items() <= options.items() for clash in one.excluded):
            yield options


def covering(one):
    """Yield combinations that hold any three options in every way: steps stand under no more."""
    shuffled = list(combinations(one))
    random.Random(1).shuffle(shuffled)
    varied = [key for key in one.options if len({some[key] for some in shuffled}) > 1]
    seen = set()
    for options in shuffled:
        triples = set(itertools.combinations([(key, options[key]) for key in varied], 3))
        if len(varied) < 3 or not triples <= seen:
            seen |= triples
            yield options


def programs(one):
    """Yield every program of a scheme or an actor, or the sentence with which it is refused."""
    for options in covering(one):
        if isinstance(one, registry.Actor):
            for fault_lock in ("mmap_lock", "vma_lock"):
                yield lambda o=options, f=fault_lock: registry.program_of_actor(one, o, f)
            if one.alongside_writes:
                yield lambda o=options: registry.program_of_actor(one, o, faults_write=True)
            continue
        yield lambda o=options: registry.faulting_program(one, o)
        for fault, depth in itertools.product(one.faults, (0, 3)):
            yield lambda o=options, f=fault, d=depth: registry.thread_program(
                one, o, 0, fault=f, memcg_depth=d
            )
        for order, (changes, ahead, unmaps) in itertools.product((0, 4), FEATURES):
            yield lambda o=options, n=order, c=changes, a=ahead, u=unmaps: registry.thread_program(
                one, o, n, page_cache_changes=c, reads_ahead=a, unmaps=u
            )


ALL = [
    *(pytest.param(registry.load, name, id=name) for name in registry.names()),
    *(pytest.param(registry.load_actor, name, id=name) for name in registry.actor_names()),
]


@pytest.mark.parametrize(("load", "name"), ALL)
def test_what_comes_along_is_balanced(load, name):
    """Each scheme and actor passes with every combination of its options."""
    made = [make() for make in programs(load(name))]
    assert made
    assert {find_imbalance(program) for program in made} == {""}


def test_the_device_is_balanced():
    """A slot of the device has the page's lock and a reference when it takes a page to read."""
    assert find_imbalance(assemble(device_program())) == ""
    kept = tuple(step for step in device_program() if step != put_page())
    assert "does not drop the reference" in find_imbalance(assemble(kept))


LOOK_UP = (forget(), each_page(when("page.cached", get_page(), remember())))
LOCKED = "page.ours_uptodate"

MISTAKES = {
    "a lock is never released": (
        a_scheme(lock("ptl")),
        "does not release ptl, which it takes at step 17 (lock ptl): at step 55 (fault end)",
    ),
    "a lock is not released on one way": (
        a_scheme(lock("ptl"), when("window.open", unlock("ptl"))),
        "10 when table missing: no, 18 when window open: no, 20 when pte none: no",
    ),
    "translations are flushed with interrupts off": (
        a_scheme(lock("tree_lock"), shootdown(), unlock("tree_lock")),
        "flushes translations under tree_lock, taken with interrupts off at step 17 (lock tree",
    ),
    "a lock is taken twice": (
        a_scheme(lock("ptl"), each_page(when("pte.none", lock("ptl"))), unlock("ptl")),
        "takes ptl while it holds ptl, taken at step 17 (lock ptl): at step 20 (lock ptl)",
    ),
    "a lock is taken each time round": (
        a_scheme(each_page(lock("ptl")), unlock("ptl")),
        "takes ptl while it holds ptl",
    ),
    "a lock is released that is not held": (
        a_scheme(when("window.open", lock("ptl")), unlock("ptl")),
        "releases ptl, which it does not hold: at step 19 (unlock ptl)",
    ),
    "the fault's lock is kept for the next attempt": (
        a_scheme(
            slow_path=(get_page(), lock_page(), *MAP, unlock_page(), label("x"), retry_fault())
        ),
        "takes mmap_lock while it holds mmap_lock",
    ),
    "the page lock is kept where the page is not ours": (
        a_scheme(each_page(trylock_page(when(LOCKED, get_page(), *MAP, unlock_page())))),
        "does not unlock the page that it locks at step 18 (trylock page): at step",
    ),
    "a page is locked twice": (
        a_scheme(each_page(lock_page(), when("pte.none", lock_page()), unlock_page())),
        "locks a page that it has already locked at step 18 (lock page)",
    ),
    "a page is unlocked that somebody else has locked": (
        a_scheme(each_page(trylock_page(busy=(count("trylock_lost"),)), unlock_page())),
        "unlocks a page that it has not locked",
    ),
    "a reference is kept where the page is mapped already": (
        a_scheme(each_page(get_page(), when("pte.none", *MAP))),
        "does not drop the reference to the page that it takes at step 18 (page.refcount + 1)",
    ),
    "a reference is kept when the fault begins again": (
        a_scheme(
            slow_path=ordinary_path(
                map_target(unlock("ptl"), unlock_page()), come_back=(get_page(),)
            )
        ),
        "does not drop the reference to the page",
    ),
    "a reference is dropped twice": (
        a_scheme(each_page(get_page(), put_page(), put_page())),
        "drops a reference that it does not have: at step 20 (page.refcount - 1)",
    ),
    "a page is mapped without a reference": (
        a_scheme(each_page(when("pte.none", *MAP))),
        "maps a page at step 20 (set pte) without a reference for its pte",
    ),
    "a mapcount is not lowered again": (
        a_scheme(each_page(get_page(), inc("page.mapcount"), when(LOCKED, set_pte()))),
        "raises the mapcount at step 19 (page.mapcount + 1) and neither maps the page nor lowers",
    ),
    "a page is mapped and not counted": (
        a_scheme(each_page(get_page(), set_pte())),
        "maps a page at step 19 (set pte) without raising its mapcount",
    ),
    "a mapcount is lowered that was not raised": (
        a_scheme(each_page(dec("page.mapcount"))),
        "lowers a mapcount that it has not raised",
    ),
    "pages of the gang lookup that are mapped already are forgotten": (
        a_scheme(
            *LOOK_UP, each_page(when("pte.none", when("gang.holds", *MAP))), *[work("rmap")] * 9
        ),
        "drops references of only some of the pages that the gang lookup remembered",
    ),
    "the gang lookup's references are never dropped": (
        a_scheme(*LOOK_UP),
        "does not drop the references to pages that it remembers at step 21 (gang remember)",
    ),
    "mapcounts of the array's pages are never lowered": (
        a_scheme(
            forget(),
            each_page(get_page(), inc("page.mapcount"), remember()),
            each_page(when("gang.holds", put_page())),
        ),
        "does not lower the mapcounts of pages that it remembers at step 21 (gang remember)",
    ),
    "the array is emptied with references in it": (
        a_scheme(*LOOK_UP, *LOOK_UP),
        "forgets pages whose references it still holds",
    ),
    "the pages of the fault before are still in the array": (
        a_scheme(*LOOK_UP[1:], each_page(when("gang.holds", put_page()))),
        "remembers a page with another number of references",
    ),
    "the second look leaves out what the first remembered": (
        a_scheme(
            *LOOK_UP,
            each_page(when("gang.holds", put_page()), unmapped=True),
        ),
        "drops references of only some of the pages that the gang lookup remembered",
    ),
    "a loop is left with a reference in hand": (
        a_scheme(
            each_page(get_page(), when("page.locked", go_to("out")), put_page()), label("out")
        ),
        "does not drop the reference to the page that it takes at step 18 (page.refcount + 1)",
    ),
    "a loop is left with pages in the array": (
        a_scheme(
            forget(),
            each_page(get_page(), remember(), when("page.locked", go_to("out"))),
            each_page(when("gang.holds", put_page())),
            label("out"),
        ),
        "does not drop the references to pages that it remembers",
    ),
    "the lock that is noted is not released": (
        a_scheme(
            note(False),
            each_page(unless("noted", lock("ptl"), note(True))),
            unless("noted", unlock("ptl")),
        ),
        "does not release ptl",
    ),
    "references of a folio are not added": (
        a_scheme(
            each_folio(each_page_of_folio(*MAP)),
            slow_path=(to_head(), add_folio_refs(), from_head()),
        ),
        "maps a page at step 19 (set pte) without adding the reference for it",
    ),
    "references are taken page by page of a folio": (
        a_scheme(each_folio(each_page_of_folio(get_page()), *[put_page()] * 3)),
        "drops a reference that it does not have",
    ),
    "the head is locked and a page unlocked": (
        a_scheme(each_folio(to_head(), trylock_page(from_head(), unlock_page()))),
        "unlocks another page of the folio than the head that it locked",
    ),
    "somebody who holds the writer's lock releases the reader's": (
        an_actor(lock("mmap_lock_write"), unlock("mmap_lock")),
        "releases mmap_lock, but what it holds is mmap_lock_write",
    ),
    "an actor keeps the reference of the page cache": (
        an_actor(each_in_range(when("page.cached", remove_from_page_cache()))),
        "does not drop the reference to the page",
    ),
    "an actor keeps the reference of a pte": (
        an_actor(each_in_range(each_mapping(clear_pte(dec("page.mapcount"))))),
        "does not drop the reference to the page",
    ),
}


def refusal(one, options=None):
    """Return the sentence with which a scheme or an actor is refused."""
    if isinstance(one, registry.Actor):
        with pytest.raises(UnbalancedError) as refused:
            registry.program_of_actor(one, options or {})
    else:
        with pytest.raises(UnbalancedError) as refused:
            registry.thread_program(one, options or {}, 4, page_cache_changes=True)
    return str(refused.value)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_refused_with_its_sentence(name):
    """What is wrong, at which step, on which way: before anything runs."""
    one, sentence = MISTAKES[name]
    said = refusal(one)
    kind = "actor" if isinstance(one, registry.Actor) else "scheme"
    assert said.startswith(f"{kind} 'bad' ")
    assert sentence in said
    assert ": at step " in said
    assert said.endswith("on every way") or "on the way " in said


def test_counts_and_references_of_remembered_pages_may_go_in_two_loops():
    """As munmap of written file pages does: mapcounts first, references behind the lock."""
    taken = each_page(get_page(), inc("page.mapcount"), remember())
    lowered = each_page(when("gang.holds", dec("page.mapcount")))
    dropped = each_page(when("gang.holds", put_page()))
    for loops in ((lowered, dropped), (dropped, lowered)):
        assert registry.thread_program(a_scheme(forget(), taken, *loops), {}, 4).steps
    assert "lowers a mapcount that it has not raised" in refusal(
        a_scheme(forget(), taken, lowered, lowered, dropped)
    )


def test_a_mistake_in_an_option_is_refused_when_the_option_is_chosen():
    """What is not in the program does no harm; with the option it is, and is refused."""
    forgets = a_scheme(lock("ptl"), option("careless", otherwise=(unlock("ptl"),)), careless=False)
    assert registry.thread_program(forgets, {}, 4).steps
    assert "does not release ptl" in refusal(forgets, {"careless": True})
    modes = a_scheme(each_page(get_page(), option("way=keep", otherwise=(put_page(),))), way="drop")
    assert registry.thread_program(modes, {}, 4).steps
    assert "does not drop the reference" in refusal(modes, {"way": "keep"})


def test_a_scheme_of_ones_own_is_refused_with_its_file():
    """The sentence begins with the path of the file."""
    mine = replace(a_scheme(lock("ptl")), file="/here/schemes/bad.py")
    assert refusal(mine).startswith("/here/schemes/bad.py: scheme 'bad' does not release ptl")


# --- each step that takes or gives is needed ------------------------------------------------------

MATTERS = frozenset(("lock", "unlock", "add", "unlock_page", "add_folio_refs"))


def without_one(steps, matters):
    """Yield a program without one of the operations that matter, each of them in turn."""
    for place, step in enumerate(steps):
        before, after = steps[:place], steps[place + 1 :]
        if step.op in matters:
            yield (*before, *after)
        for part in ("body", "otherwise"):
            for fewer in without_one(getattr(step, part), matters):
                yield (*before, replace(step, **{part: fewer}), *after)


def is_refused(one):
    """Return whether some combination of options is refused; those near the defaults come first."""
    near = sorted(combinations(one), key=lambda o: sum(o[k] != v for k, v in one.options.items()))
    features = itertools.product((False, True), repeat=2)
    for options, (changes, ahead) in itertools.product(near, features):
        try:
            if isinstance(one, registry.Actor):
                writes = one.alongside_writes and ahead
                registry.program_of_actor(
                    one, options, "vma_lock", large_folios=changes, faults_write=writes
                )
            else:
                registry.thread_program(
                    one, options, 4, page_cache_changes=changes, reads_ahead=ahead
                )
        except UnbalancedError:
            return True
    return False


@pytest.mark.parametrize(("load", "name"), ALL)
def test_no_step_that_takes_or_gives_can_be_left_out(load, name):
    """A scheme or an actor that lacks any one of them is refused, in some combination."""
    one = load(name)
    if isinstance(one, registry.Actor):  # what actors note decides about flushes
        parts, matters = ("steps",), MATTERS
    else:  # what schemes note decides about locks
        parts, matters = ("fault_around", "slow_path"), MATTERS | {"note"}
    lacking = [
        replace(one, **{part: fewer})
        for part in parts
        for fewer in without_one(getattr(one, part), matters)
    ]
    assert lacking
    assert [less for less in lacking if not is_refused(less)] == []
