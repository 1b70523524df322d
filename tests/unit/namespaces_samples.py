# SPDX-License-Identifier: Apache-2.0
"""Patterns and subjects for namespaces_differential.py: listed and generated."""
import re

IDS = [
    "",
    "@alice:example.org",
    "@_irc_bob:example.org",
    "@_IRC_bob:example.org",
    "@x_irc_bob:example.org",
    "@tg_12:example.org",
    "@tg_12x:example.org",
    "@tg_\u0661\u0662:example.org",
    "@bot:example.org",
    "@bot1:example.org",
    "@zed:example.org",
    "@zed:example.org.evil",
    "@zed:example.org\n",
    "@z\u00e9d:example.org",
    "#_irc_chan:example.org",
    "#_IRC_chan:example.org",
    "!log1:example.org",
    "!xlog:example.org",
    "!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM",
]

# As they stand in the registrations of bridges and bots, and the traps between
# the dialects.
LISTED = [(pattern, IDS) for pattern in [
    "", "@_irc_.*", "@_irc_.*:example\\.org", "#_irc_.*:example\\.org", "!log",
    "@tg_[0-9]+:example\\.org", "@tg_\\d+:example\\.org", "@a|@b", ".*", "@.*",
    "!.*:example\\.org", "^@whatsapp_.*:example\\.org$", "@(?!bot).*:example\\.org",
    "@(?!bot)\\w+:example\\.org$", "@z.d:example\\.org$", "@zed:example\\.org\\Z",
    "@zed:example\\.org\\Z\n", "@zed:example\\.org$\n", "@zed:example\\.org$$",
    "(?i)@_irc_.*", "@_(?i:IRC)_", "@(?P<net>_irc_|_xmpp_)", "@(_irc|_xmpp)_.*",
    "@[^:]+:example\\.org$", "(?s).*\n", "(?m)^@zed.*$", "(?x) @ zed  # the bot\n :",
    "@\\S+:\\S+$", "[@#!]_?irc", "@.{5}:example", "@.{,5}:example", "@.{5,}:example",
    "@\\w{1,2000}:", "@\\w{0,70000}:", "@\\w{70000}:", "@(\\w)(\\w)\\w*\\2?:",
    "@(?:_irc_|tg_)?bob", "@(_irc_)?(?(1)b|z)", "@\\w++:", "@(?>\\w+):", "@\\w*+\\d",
    "@(?=zed)z", "(?=@)@?@", "(?=(@))(?:@z)?@", "@zed(?<=zed):", "@zed(?<!bot):", ".*\\bzed\\b", "\\B", "\\b", ".*\\Bd",
    "[\\w.-]*", "[\\w-]*:", "[-\\w]*:", "\\u0040zed", "\\x40zed", "\\100zed", "@z\\w",
    "(?a)@z\\w", "(?a:@z\\W)", "(?ai)@Z\\W", "(?-i:@zed)", "(?i:@(?-i:zed))", "@zed(?#bot):",
    "@zed:example\\.org(?:\\.evil)?$", "(?:@zed|@bot)1?:", "(@zed|@bot)(?:1)?:.*g$",
    "@zed:example.org\\.evil|#", "(?:)", "()*", "(?:a*)*@", "(|@)+zed", "(?:^)*@zed",
    "[]@]zed", "[^]@]", "[@-]", "[!--]log", "[[]|@", "[@&&z]zed", "@zed\\:", "@zed\\\n",
    "\\!log", "\\#_", "@_irc_\\.?", "@{1}", "@{1", "@{", "@{}", "{@", "x{,}@", "@{,}zed",
    "@[a-z0-9._=/-]+:example\\.org", "@[a-z]{1,3}[0-9]*:", "@[\\u00e9z]+d?", "@zed:(?!.*evil)",
]] + [
    # One shared beginning makes a set of the rest, which ignores case otherwise.
    ("(?i)a\U00010400|ax", ["a\U00010400", "a\U00010428", "AX"]),
    ("(?i)a\U00010400|bx", ["a\U00010400", "a\U00010428", "BX"]),
]

# What is a pattern and what is not.
SYNTAX = [
    "(", ")", "a)", "(a", "[", "[a", "[]", "[^]", "[^", "[]]", "[a-", "[z-a]", "[a-\\d]",
    "[\\d-a]", "[\\w-.]", "[.-\\w]", "[a\\]", "\\", "a\\", "(?#a\\", "(?", "(?P", "(?P<", "(?P<>a)",
    "(?P<a", "(?P<a>", "(?P<a>b)(?P=a)", "(?P=a)", "(?P<1a>b)", "(?P<a-b>c)", "(?P<\u00e9>a)(?P=\u00e9)",
    "(?P<\u00b2>a)", "(?P<a>b)(?P<a>c)", "(?P>a)", "(?<a>b)", "(?'a'b)", "(?<", "(?<=", "(?<a", "(?=",
    "(?!", "(?:", "(?>", "(?a", "(?z)", "(?i", "(?i-", "(?i-s", "(?i-s)", "(?i-i:a)", "(?-:a)", "(?-a:b)",
    "(?au:b)", "(?a)(?u)b", "(?u)b", "(?L)b", "(?L:b)", "(?t)b", "(?t)b*", "(?t:b)", "(?-t:b)", "a(?i)b",
    "(?i)(?m)b", "(?#c)(?i)b", "((?i)b)", "b|(?i)c", " (?i)b", "(?x) (?i)b", "(?ii)b", "(?ix:b)", "(?x:a b#c\n)",
    "(?x)a b#c", "(?x)[a b]", "(?x)a\\ b", "(?x)a {2}", "(?x)a +", "(?x)(? :a)", "(?x:a )b ", "(?-x: a)",
    "*", "+", "?", "{1}", "{", "}", "a**", "a*?", "a*??", "a*+", "a*++", "a+?", "a?+", "a??", "a{2}{3}", "a{2}?",
    "a{2}+", "a{2}++", "a{3,2}", "a{,2}", "a{2,}", "a{4294967294}", "a{4294967295}", "a{99999999999999999999}",
    "a{,4294967295}", "a{1,1000}", "a{1,1001}", "a{1001}", "(?:a{1000}){1000}", "^*", "$+", "\\b?", "\\A*", "\\Z{2}",
    "(^)*", "(?:^)*", "(?=a)*", "(?=a)+b", "|*", "(*)", "(|*)", "(?:)*", "()+", "(?#c)*", "a(?#c)*", "a*(?#c)*",
    "a|*b", "\\0", "\\00", "\\000", "\\0000", "\\08", "\\1", "(a)\\1", "(a)\\2", "(a\\1)", "(a)\\10", "\\377", "\\400",
    "\\777", "\\1000", "(a)\\100", "\\8", "[\\8]", "[\\1]", "[\\18]", "[\\400]", "[\\0]", "\\x", "\\x4", "\\x41", "\\xg1",
    "\\u", "\\u004", "\\u0041", "\\ud800", "[\\ud7ff-\\ue000]", "\\U00000041", "\\U0010ffff", "\\U00110000", "\\Uffffffff",
    "\\U0000004", "\\a", "\\e", "\\c", "\\p", "\\pL", "\\p{L}", "\\Q", "\\E", "\\K", "\\R", "\\X", "\\G", "\\h", "\\H", "\\z",
    "\\g1", "\\g<1>", "\\k<a>", "[\\A]", "[\\Z]", "[\\B]", "[\\b]", "[\\a\\f\\n\\r\\t\\v]", "\\_", "\\-", "\\\u00e9", "\\~",
    "[:alpha:]", "[[:alpha:]]", "[a--b]", "[--a]", "[a&&b]", "[a||b]", "[a~~b]", "[[a]b]", "[a-a]", "[a-b-c]", "[a-c-]",
    "(?(1)a)", "(a)(?(1)b)", "(a)(?(1)b|c)", "(a)(?(1)b|c|d)", "(a)(?(2)b)", "(?(1)a|b)(c)", "(a)(?(0)b)", "(a)(?(-1)b)",
    "(a)(?(+1)b)", "(a)(?( 1 )b)", "(a)(?(1_0)b)", "(a)(?(01)b)", "(a)(?(\u0661)b)", "(a)(?(x)b)", "(?P<x>a)(?(x)b)", "(a)(?()b)",
    "(a)(?(1)", "(a)(?(1)b", "(a)(?(1", "(a)(?(1)(b|c)|d)", "(a)?(?(1)|b)", "(a)?(?(1)b|)", "(a)(?(1)b)*c", "(a)(?(1.0)b)",
    "(?<=a)b", "(?<=a*)b", "(?<=a|bc)b", "(?<=a|b)b", "(?<=a{2})b", "(?<=a{1,2})b", "(?<!a?)b", "(?<=(a))\\1", "(?<=(a)\\1)b",
    "(a)(?<=\\1)b", "(a|bc)(?<=\\1)b", "(?<=(?=a*)b)c", "(?<=^a)b", "(?<=a$)", "(?<=(?<=a)b)c", "(?<=(?(1)a|b))(c)",
    "(a)(?<=(?(1)a|b))b", "(?<=a{70000})b", "(?<!a{70000})b", "(?<=(?:a|bb){0})b", "(?<=a{0,0})b", "(?<=)b", "(?<!)b",
    "(?P<a>(?P=a))", "(?P<a>b)(?<=(?P=a))c", "((a)(?<=\\2)b)", "(?>a", "(?>a|ab)b", "(?>(a))\\1", "\\N", "\\N{", "\\N{}",
    "(?P<a>b)(?P=a", "(?P=", "(?P=)", "(?i-m:a)", "(?im-sx:a)", "(?ims-x:a", "(?i:", "(?i:a", "(?-", "(?-i", "(?-i)", "(?-ia:b)",
    "\x00", "a\x00", "[\x00]", "\n", "(?x)\n", "\u00a0", "(?x)\u00a0", "\u2028$", "a$\n", "a\\Z\n", "(a$\n)", "(?:a$|b)c", "(?m)a$\nb",
    "(" * 150 + "a" + ")" * 150, "(?:" * 190 + "a" + ")" * 190, "(?:a|" * 60 + "b" + ")" * 60,
]

SYNTAX_SUBJECTS = [
    "", "a", "aa", "aaa", "ab", "abc", "aab", "b", "ba", "bb", "c", "a\n", "a\nb", "\n", "a\n\n", "{", "{}", "a{2}", "a{,2}",
    "a{", "]", "[", "-", ".", "&", "\x00", "\x01", "\x08", "@", "A", "\u00e9", "\ud7ff", "\ue000", "\U0010ffff", "a b", "a-b",
    " ", "\u00ff", "\x1b", "@0", "abb", "aabb", "bcb", "bcbcb", "acb", "ac", "}", "a" * 1001, "e", "z", "|", "~", "_",
]

# Each must match the same single characters.
CLASSES = [
    "\\w", "\\W", "\\d", "\\D", "\\s", "\\S", ".", "(?s).", "(?a)\\w", "(?a)\\W", "(?a)\\d", "(?a)\\s", "(?a)\\S",
    "[\\w.]", "[^\\w.]", "[\\W_]", "[\\d\\s]", "[^\\d\\S]", "[^\\W\\d_]", "(?i)[\\w.]", "(?i)[^\\W\\d]", "(?i)[a-z]",
    "(?i)[^a-z]", "(?i)k", "(?i)s", "(?i)i", "(?i)\u0130", "(?i)\u0131", "(?i)\u00df", "(?i)\u1e9e", "(?i)[\u00dfx]",
    "(?i)[\u1e9ex]", "(?i)\u03c3", "(?i)[\u03b1-\u03c9]", "(?i)[^\u03c3x]", "(?i)\u01c5", "(?i)[\u01c4-\u01c6]",
    "(?i)\u0345", "(?i)[\u0345-\u0346]", "(?i)\ufb05", "(?i)[\u0100-\u017f]", "(?i)[\u0041-\uffff]", "(?i)[\\x00-\\xff]",
    "(?i)\U00010400", "(?i)[\U00010400x]", "(?i)[\U00010400-\U00010410]", "(?i)[\uff00-\U00010410]", "(?i)\U00010400|x",
    "(?i)[^\U00010428x]", "(?ai)[a-z]", "(?ai)k", "(?ai)[\u0100-\U00010410]", "(?ai)[\U00010400-\U00010410]", "(?ai)[^k]",
    "(?ai)\u212a", "(?i)[^k]", "(?i:[\\W\u00e9])", "(?i)a|b", "(?i)a|[bc]|\\d", "(?i)[!-~]", "(?i)[0-9]", "(?i)[^0-9]",
    "(?i)\u1c80", "(?i)[\u1c80-\u1c88]", "(?i)\ua64b", "(?i)\u1e61", "(?i)\u03b9", "(?i)[\u1f80-\u1faf]", "(?i)\u10d0", "(?i)\u13a0",
    "(?i)\uab70", "(?i)\u2c2f", "(?i)[^\u0130]", "(?i)[\u0049\u0130]", "[\\ud7ff-\\ue000]", "[^\\ud800]", "(?i)[\\W\\s]",
]

# What Python accepts and Posthorn refuses with a reason, all of it.
UNSUPPORTED = [
    "\\N{EM DASH}", "[\\N{EM DASH}]", "(?i)(a)\\1", "(?i)(?P<x>a)(?P=x)", "(a)(?i:\\1)", "(?ai)(a)\\1", "((?(1)a|b))",
    "(?P<x>a(?(x)b|c))", "(?:" * 220 + "a" + ")" * 220,
]

LETTERS = "ab_@:.1-"
PIECES = [
    "a", "b", "_", "@", ":", "\\.", "1", "-", ".", "\\w", "\\d", "\\W", "\\D", "\\s", "\\S", "[ab]", "[^a]", "[a-b1]", "[\\w.-]",
    "[^\\w]", "\\x61", "\\u0062", "\u00e9", "[\\d_]", "@_", "ab", "ba", "a:b", "\\n", "[^:]",
]
ANCHORS = ["^", "$", "\\A", "\\Z", "\\b", "\\B"]
COUNTS = ["*", "+", "?", "{2}", "{1,2}", "{,2}", "{1,}", "{0}", "{,}"]
OPENINGS = ["(", "(?:", "(?:", "(?i:", "(?s:", "(?m:", "(?a:", "(?-i:"]
LOOKS = ["(?=", "(?!"]
BEHINDS = ["(?<=", "(?<!"]
SCRAPS = list("aab1@_:-.^$|?*+{}()[]\\,<>=!P#iimsx \n") + [
    "(?", "(?:", "(?P<", "(?P=", "(?<=", "(?(1)", "\\w", "\\d", "\\b", "\\Z", "\\1", "{1,2}", "[^", "[a-", "(?i)", "\\x4", "\\u00", "(?>", "*+",
]


def piece(generator):
    if generator.random() < 0.12:
        return generator.choice(ANCHORS)
    return generator.choice(PIECES)


def counted(generator, text):
    count = generator.choice(COUNTS)
    return text + count + generator.choice(["", "", "", "?"])


def element(generator, depth):
    """A piece, a group or a look-around, and perhaps a count."""
    kind = generator.random()
    if depth == 0 or kind < 0.6:
        text = generator.choice(PIECES)
        if generator.random() < 0.06 and len(text) == 1:
            return text + generator.choice(["*+", "++", "?+", "{1,2}+"])
        if generator.random() < 0.35:
            return counted(generator, "(?:%s)" % text if len(text) > 1 else text)
        return piece(generator)
    if kind < 0.9:
        text = generator.choice(OPENINGS) + branches(generator, depth - 1) + ")"
        # A count in a count makes Python take ages.
        if not re.search(r"[*+?{]", text[2:]) and generator.random() < 0.3:
            text = counted(generator, text)
        return text
    if kind < 0.95:
        return generator.choice(LOOKS) + branches(generator, depth - 1) + ")"
    return generator.choice(BEHINDS) + generator.choice(PIECES[:9]) + ")"


def branches(generator, depth):
    count = generator.choice([1, 1, 1, 2, 2, 3])
    return "|".join(
        "".join(element(generator, depth) for _ in range(generator.choice([0, 1, 1, 2, 2, 3])))
        for _ in range(count))


def subject(generator):
    if generator.random() < 0.1:
        return generator.choice(IDS)
    letters = LETTERS + ("\n\u00e9\u0661AB" if generator.random() < 0.3 else "")
    return "".join(generator.choice(letters) for _ in range(generator.randrange(9)))


def subjects(generator):
    return [subject(generator) for _ in range(12)] + ["", "ab", "@_a:b", "a\n"]


def structured(generator):
    """A pattern that is well-formed, mostly, and subjects for it."""
    flags = generator.choice([""] * 8 + ["(?i)", "(?m)", "(?s)", "(?a)", "(?im)"])
    text = flags + branches(generator, 3)
    while len(re.findall(r"[*+]|,\}", text)) > 4:
        text = flags + branches(generator, 3)
    kind = generator.random()
    if kind < 0.06 and "i" not in flags and "(?i" not in text:
        # The group is always set, or never, where it is looked at: Python can
        # leave a group set from an attempt that it has given up.
        text = flags + "([ab]+)%s\\1" % generator.choice(["", ":", "@?", ".*"])
    elif kind < 0.12:
        text = flags + "(@)?(?(1)%s|%s)" % (
            generator.choice(PIECES), generator.choice(PIECES))
    elif kind < 0.16:
        text = flags + "(?>%s)%s" % (generator.choice(["a|ab", "a*", "\\w+", "ab?"]),
                                     generator.choice(PIECES))
    return text, subjects(generator)


def knot(generator, depth, possessive):
    """Groups, references, look-arounds and counts in each other, of a and b."""
    kind = generator.random()
    if depth == 0 or kind < 0.4:
        return generator.choice("aab") + generator.choice(
            ["", "", "?", "*", "{2}", "+?", "*+"])
    if kind < 0.5:
        return "\\%d" % generator.randrange(1, 4)
    inner = "|".join(
        "".join(knot(generator, depth - 1, possessive)
                for _ in range(generator.randrange(1, 4)))
        for _ in range(generator.choice([1, 1, 2])))
    if possessive and kind < 0.65:
        return "(?:%s)%s" % (inner, generator.choice(["?+", "{1,2}+", "*+", "++"]))
    if kind < 0.85:
        return "(%s)%s" % (inner, generator.choice(["", "", "?", "{1,2}"]))
    return generator.choice(["(?>", "(?=", "(?!"]) + inner + ")"


def knotted(generator, possessive):
    """A knot with a condition behind it, and short subjects."""
    text = knot(generator, 3, possessive)
    while not 4 < len(text) < 60 or len(re.findall(r"[*+]", text)) > 6:
        text = knot(generator, 3, possessive)
    text += generator.choice(["", "(?(1)a|b)", "(?(2)b)"])
    text += generator.choice(["$", "b$", "a"])
    return text, [
        "".join(generator.choice("aab") for _ in range(generator.randrange(8)))
        for _ in range(10)
    ]


def scrambled(generator):
    """Scraps of syntax in any order: mostly not a pattern."""
    text = "".join(generator.choice(SCRAPS) for _ in range(generator.randrange(1, 9)))
    return text, subjects(generator)[:4]
