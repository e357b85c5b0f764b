# Writes versions.txt: python versions.py > versions.txt, with packaging 26.3.
import random
from packaging.version import Version, InvalidVersion

random.seed(440)
known = """1.0.dev456 1.0a1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 1.0b2 1.0b2.post345.dev456 1.0b2.post345
1.0b2-346 1.0c1.dev456 1.0c1 1.0rc2 1.0c3 1.0 1.0.post456.dev34 1.0.post456 1.1.dev1 1.2+123abc 1.2+123abc456 1.2+abc
1.2+abc123 1.2+abc123def 1.2+1234.abc 1.2+123456 1.2.r32+123456 1.2.rev33+123456 1!1.0.dev456 1!1.0 1!1.2.r32+123456
french-toast 1.0+a+ 1.0++ 1.0+_foobar 1.0+foo&asd 1.0+1+1 1.0dev 1.0.dev 1.0-dev 1.0-dev1 1.0a 1.0.a 1.0-a1 1.0-alpha1
1.0-BETA 1.0.beta.1 1.0c 1.0-c1 1.0RC 1.0post 1.0.POST1 1.0-post 1.0r 1.0rev4 1.0-r4 1.0-5 1.0.1 v1.0 01.0 1.0+AbC 1.0+ubuntu-1
1.0+ubuntu_1 001!1.0 1.0.0 1 1.0.0.0 2004d 1.0.x 1..0 .1 1. 1.0- 1.0_ 1.0a. 1.0a.-1 1.0a--1 1.0.dev.1 1.0.dev-2 1.0preview3
1.0pre 1.0.pre_7 1.0a1a2 1.0post1post2 1.0dev1post2 1.0.post.dev 1.0a-1-2 99999999999999999999999.0 20240101123456789012345""".split()
pieces = ["0", "1", "2", "10", "01", ".", ".", "-", "_", "a", "b", "c", "rc", "alpha", "beta", "pre", "preview", "post", "rev", "r",
          "dev", "!", "+", "v", "A", "RC", " ", "x", "1.0", "2.3"]
made = {"".join(random.choice(pieces) for _ in range(random.randint(1, 8))) for _ in range(60000)}
made |= {random.choice(["", "1!"]) + ".".join(str(random.choice([0, 1, 2, 10])) for _ in range(random.randint(1, 4)))
         + random.choice(["", "a1", "b2", "rc1", "-alpha", "c2"]) + random.choice(["", ".post1", "-2", "r3"])
         + random.choice(["", ".dev1", "dev"]) + random.choice(["", "+a", "+1", "+a.1", "+1.a", "+a-b"]) for _ in range(3000)}


def read(s):
    try:
        return Version(s)
    except InvalidVersion:
        return None


valid = sorted(s for s in made if read(s))
invalid = sorted(s for s in made if not read(s))
chosen = known + random.sample(valid, min(len(valid), 1500)) + random.sample(invalid, 700)
order = sorted({read(s) for s in chosen if read(s)})
rank = {}
for i, v in enumerate(order):
    rank[v] = rank[order[i - 1]] if i and order[i - 1] == v else i
for s in chosen:
    v = read(s)
    print(f"{s}\t{v}\t{rank[v]:05d}\t{'pre' if v.is_prerelease else ''}" if v else s)
