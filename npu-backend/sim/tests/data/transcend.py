"""Makes transcend.txt: correctly rounded binary32 values of the functions of section 11, by mpmath with 400 bits.

pip install mpmath; python transcend.py > transcend.txt. Lines: function, input bits (pow: two), result bits.
"""
import random
import struct
from fractions import Fraction

import mpmath as mp

mp.mp.prec = 400


def bits(x):
    return struct.unpack("<I", struct.pack("<f", x))[0]


def value(b):
    return struct.unpack("<f", struct.pack("<I", b))[0]


def to_f32(y, negative_zero=False):
    """One RNE to binary32, with subnormals and overflow."""
    if mp.isnan(y):
        return 0x7FC00000
    if mp.isinf(y):
        return 0x7F800000 if y > 0 else 0xFF800000
    man, exp = mp.frexp(abs(y)) if y != 0 else (mp.mpf(0), 0)
    sign = 0x80000000 if y < 0 or (y == 0 and negative_zero) else 0
    if y == 0:
        return sign
    n = int(mp.mpf(man) * mp.mpf(2) ** 400)  # exact: 400 bits
    frac = Fraction(n) * Fraction(2) ** (int(exp) - 400)
    q = Fraction(2) ** max(int(exp) - 24, -149)
    r = frac / q
    k = r.numerator // r.denominator
    rest = r - k
    if rest > Fraction(1, 2) or (rest == Fraction(1, 2) and k % 2):
        k += 1
    out = k * q
    if out >= Fraction(2) ** 128:
        return sign | 0x7F800000
    return sign | bits(float(out))


def gelu_tanh(x):
    # x * (1 + tanh(z)) / 2 = x / (1 + exp(-2z)), without the cancellation
    z = mp.sqrt(2 / mp.pi) * (x + mp.mpf(44715) / 1000000 * x**3)
    return x / (1 + mp.exp(-2 * z))


F = {
    "exp": mp.exp, "log": mp.log, "log1p": mp.log1p, "tanh": mp.tanh,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)), "erf": mp.erf,
    "gelu_erf": lambda x: x / 2 * mp.erfc(-x / mp.sqrt(2)), "gelu_tanh": gelu_tanh,
    "softplus": lambda x: mp.log1p(mp.exp(x)), "rsqrt": lambda x: 1 / mp.sqrt(x),
    "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "asin": mp.asin, "acos": mp.acos, "atan": mp.atan,
    "sinh": mp.sinh, "cosh": mp.cosh, "asinh": mp.asinh, "acosh": mp.acosh, "atanh": mp.atanh, "erfc": mp.erfc,
}
DOMAIN = {
    "log": lambda x: x > 0, "log1p": lambda x: x > -1, "rsqrt": lambda x: x > 0,
    "asin": lambda x: abs(x) <= 1, "acos": lambda x: abs(x) <= 1, "acosh": lambda x: x >= 1,
    "atanh": lambda x: abs(x) < 1,
}


def inputs(rng, name):
    ok = DOMAIN.get(name, lambda x: True)
    out = []
    fixed = [1.0, -1.0, 0.5, -0.5, 1e-6, -1e-6, 1e-30, 0.0078125, 3.0, -3.0, 1.5707964, 88.0, -88.0, 5e-42]
    if name in ("sin", "cos", "tan", "atan", "asinh"):
        fixed += [1e10, -3.4e38, 1048576.0, 1048575.9, 123456789.0]
    for x in fixed:
        x = value(bits(x))
        if ok(x):
            out.append(x)
    while len(out) < 50:
        kind = rng.randrange(3)
        if kind == 0:
            x = rng.gauss(0, 1)
        elif kind == 1:
            x = rng.uniform(-20, 20)
        else:
            x = rng.choice([-1, 1]) * 2.0 ** rng.uniform(-30, 8 if name not in ("exp", "sinh", "cosh") else 6)
        x = value(bits(x))
        if ok(x) and x != 0:
            out.append(x)
    return out


rng = random.Random(11)
for name, f in F.items():
    for x in inputs(rng, name):
        y = f(mp.mpf(x))
        print(f"{name} {bits(x):08x} {to_f32(y):08x}")
for _ in range(100):
    x = value(bits(rng.choice([rng.uniform(0, 4), 2.0 ** rng.uniform(-20, 20), float(rng.randrange(1, 12))])))
    y = value(bits(rng.choice([rng.uniform(-8, 8), float(rng.randrange(-12, 13)), 0.5, -0.5, 2.0])))
    if y == 0 or x == 0:
        continue
    if y == int(y) and rng.random() < 0.4:
        x = -x
    print(f"pow {bits(x):08x} {bits(y):08x} {to_f32(mp.power(mp.mpf(x), int(y) if y == int(y) else mp.mpf(y))):08x}")
