"""Mail that compresses like real mail, from a seed: prose of phrases that come again, threads that quote, headers of a few
hosts, attachments. tests/bench/makespool.py puts it into mailboxes.

The constants are set so that gzip -6 finds what it finds in real mail: text 3.4 : 1 (the SpamAssassin corpus); the text of a
mailing list 3.3 : 1 in an order by chance, and 0.76 of that when the messages come in the order of their UIDs, threads together."""

import base64
import itertools
import random
import re
import time

COMMON = ("the to of and a in is for that you this on it with be are as not have I or from by was if at an will can we your all "
          "but has there been which they more do so one any what would about me no when out their time up my other only use also "
          "like some get just new could should than then how now these its who may them does make two people see here want had "
          "work need our first where into know because good over think most same such very way after well even before much "
          "system file list mail server problem version error run code please thanks change since still back problem point try "
          "using used help data set line next last week call read send write user name number order report message").split()
ONSETS = "b c ch cl d dr f fl g gr h j k l m n p pl pr qu r s sc sh sp st str t th tr v w".split()
VOWELS = "a e i o u ea ou ai io ee".split()
CODAS = "n r s t l d ck m nt st ng rd x".split()
ENDINGS = ["", "", "", "s", "ed", "ing", "er", "ly", "tion", "ment", "al", "able"]
HOSTS = ("mx1.example.org relay.example.net mail.lists.example.com smtp-out.example.edu gw.corp.example mta7.example.co "
         "host12.isp.example mailhub.example.gov").split()
AGENTS = ("Mozilla Thunderbird 91.9", "Mutt/2.0.5 (2021-01-21)", "Microsoft Outlook 16.0", "Apple Mail (2.3654.120.0.1.13)",
          "Evolution 3.38.3-1", "Roundcube Webmail/1.4.13")
FILES = (("application/pdf", "pdf"), ("image/jpeg", "jpg"), ("application/zip", "zip"), ("image/png", "png"))

WORDS = 9000        # in the language
PHRASES = 120000    # of one to five words, from which prose is put together
TEXT_MEDIAN = 6500  # bytes of a message's text, where the message is long enough
QUOTED_MOST = 6000  # bytes that a list message quotes, beside its own
ALL_TEXT = 0.35     # share of the messages up to this size that have no attachment however long they are: reports, digests
ALL_TEXT_MOST = 400000
REPEATING = 0.04    # share of attachments whose base64 lines repeat: tables, bitmaps

LINE = re.compile(r".{1,71}(?: |$)|\S+")


def zipf(count, exponent, shift=2.0):
    """Cumulative weights of ranks."""
    return list(itertools.accumulate((rank + shift) ** -exponent for rank in range(count)))


class Language:
    """Words and phrases with the frequencies of a language."""

    def __init__(self, seed):
        rng = random.Random("language %s" % seed)
        words = dict.fromkeys(COMMON)
        while len(words) < WORDS:
            word = "".join(rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(["", rng.choice(CODAS)])
                           for _ in range(rng.choice((1, 1, 2, 2, 3))))
            words[word + rng.choice(ENDINGS)] = None
        words = list(words)
        rank = zipf(WORDS, 1.0)
        self.phrases = []
        for _ in range(PHRASES):
            phrase = " ".join(rng.choices(words, cum_weights=rank, k=rng.choice((1, 2, 2, 3, 3, 4, 5))))
            if rng.random() < 0.2:
                phrase += rng.choice((".", ".", ",", ",", "?", ":"))
            self.phrases.append(phrase.capitalize() if rng.random() < 0.12 else phrase)
        self.weights = zipf(PHRASES, 0.75, 10.0)

    def prose(self, rng, size):
        """About size bytes of text as one line."""
        return " ".join(rng.choices(self.phrases, cum_weights=self.weights, k=max(1, size // 15)))[:max(size, 10)]

    def lines(self, rng, size):
        """About size bytes of text as lines of up to 72 characters, in paragraphs."""
        lines = []
        text = LINE.findall(self.prose(rng, size))
        at = 0
        while at < len(text):
            step = rng.randrange(2, 9)
            lines += [line.rstrip() for line in text[at:at + step]] + [""]
            at += step
        return lines


class Sender:
    """Somebody who writes: the parts of his mail that are always the same."""

    def __init__(self, language, seed, number):
        rng = random.Random("sender %s %d" % (seed, number))
        first, last = ("".join(rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(2)).capitalize() for _ in range(2))
        self.name = first + " " + last
        self.local = (first + "." + last).lower()
        self.host = rng.choice(HOSTS)
        self.domain = self.host.split(".", 1)[1]
        self.agent = rng.choice(AGENTS)
        self.signature = ["-- ", self.name] + language.lines(rng, rng.choice((40, 90, 180)))[:3]
        self.signs = rng.random() < 0.5             # with DKIM
        self.html = rng.random() < 0.35
        self.style = ' style="font-family: %s, sans-serif; font-size: %dpx; color: #%06x;"' % (
            rng.choice(("Arial", "Verdana", "Calibri")), rng.choice((12, 13, 14)), rng.getrandbits(24))

    @property
    def address(self):
        return "%s@%s" % (self.local, self.domain)


def base64_lines(raw):
    text = base64.b64encode(raw)
    return b"\r\n".join([text[i:i + 76] for i in range(0, len(text), 76)]) + b"\r\n"


def attachment(rng, size):
    """About size bytes of base64. Most of what is attached is compressed already; a little is not."""
    raw = max(57, size * 57 // 78)
    if rng.random() < REPEATING:
        row = rng.randbytes(57 * rng.randrange(1, 6))
        return base64_lines((row * (raw // len(row) + 1))[:raw])
    return base64_lines(rng.randbytes(raw))


def quoted(text):
    return '"%s"' % text if text else "NIL"


class Message:
    """One message and what Cyrus keeps about it. data, head (length), sent, cache (ten items)."""

    def __init__(self, data, head, sent, items, encoded):
        self.data = data
        self.head = head
        self.sent = sent
        self.items = items
        self.encoded = encoded      # bytes of base64 bodies


class Correspondence:
    """The mail of one mailbox in the order it came. kind: mixed, list (threads of text alone), small."""

    def __init__(self, language, seed, name, kind="mixed", start=1640000000, pace=9000):
        self.language = language
        self.rng = random.Random("mail %s %s" % (seed, name))
        self.kind = kind
        self.name = name
        self.now = start
        self.pace = pace            # seconds from one message to the next
        people = 60 if kind == "list" else 25
        known = self.rng.sample(range(600), people)
        self.senders = [Sender(language, seed, n) for n in known]
        self.rank = zipf(people, 1.0)
        self.recent = []            # the last messages, for replies
        self.owner = "%s@example.org" % name.removeprefix("user.").split(".")[0]

    def date(self, when):
        return time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(when))

    def hop(self, by, source):
        rng = self.rng
        return ("Received: from %s (%s [10.%d.%d.%d])\r\n\tby %s (Postfix) with ESMTPS id %010X\r\n\tfor <%s>; %s"
                % (source, source, len(source), len(by), len(source) + len(by), by, rng.getrandbits(40), self.owner,
                   self.date(self.now)))

    def reply(self, sender):
        """The beginning of an answer: (references, subject, quoted lines), or a new subject."""
        rng = self.rng
        likely = {"list": 0.55, "mixed": 0.45, "small": 0.3}[self.kind]
        if not self.recent or rng.random() > likely:
            return [], self.language.prose(rng, rng.randrange(20, 50)).strip(), []
        ident, references, subject, lines, name, date = self.recent[-min(len(self.recent), 1 + int(rng.expovariate(0.5)))]
        keep = len(lines) if rng.random() < 0.5 else rng.randrange(len(lines) + 1)
        begin = rng.randrange(len(lines) - keep + 1)
        quote = ["On %s, %s wrote:" % (date, name)]
        quote += ["> " + line if not line.startswith(">") else ">" + line for line in lines[begin:begin + keep]]
        return (references + [ident])[-6:], subject if subject.startswith("Re: ") else "Re: " + subject, quote

    def headers(self, sender, ident, references, subject, brief):
        rng = self.rng
        head = []
        if not brief:
            if self.kind == "list":
                head.append("Return-Path: <%s-bounces@lists.example.com>" % self.name.replace(".", "-"))
                head.append(self.hop("mx1.example.org", "mail.lists.example.com"))
                head.append(self.hop("mail.lists.example.com", sender.host))
            else:
                head.append("Return-Path: <%s>" % sender.address)
                head.append(self.hop("mx1.example.org", sender.host))
            head.append(self.hop(sender.host, "[192.168.%d.%d]" % (len(sender.name), len(sender.local))))
            if sender.signs:
                key = base64.b64encode(rng.randbytes(32 + 256)).decode()
                head.append("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=mail;\r\n\t"
                            "h=from:to:subject:date:message-id:mime-version;\r\n\tbh=%s;\r\n\tb=%s" % (
                                sender.domain, key[:44], "\r\n\t ".join(key[i:i + 68] for i in range(44, len(key), 68))))
        head += ["From: %s <%s>" % (sender.name, sender.address), "To: " + self.owner, "Subject: " + subject,
                 "Date: " + self.date(self.now), "Message-ID: " + ident]
        if references:
            head += ["In-Reply-To: " + references[-1], "References: " + "\r\n\t".join(references)]
        if self.kind == "list":
            label = self.name.replace(".", "-")
            head += ["Precedence: list", "List-Id: <%s.lists.example.com>" % label,
                     "List-Post: <mailto:%s@lists.example.com>" % label,
                     "List-Help: <mailto:%s-request@lists.example.com?subject=help>" % label,
                     "List-Unsubscribe: <https://lists.example.com/options/%s>" % label,
                     "Sender: %s-bounces@lists.example.com" % label]
        head += ["MIME-Version: 1.0", "User-Agent: " + sender.agent]
        return head

    def html(self, sender, lines):
        """The same text once more, as mail programs write it."""
        rows = ["<p%s>%s</p>" % (sender.style, line) if line else "<p%s><o:p>&nbsp;</o:p></p>" % sender.style for line in lines]
        return ["<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head>",
                "<body lang=\"EN-US\" link=\"#0563C1\" vlink=\"#954F72\">", "<div class=\"WordSection1\">"] + rows + [
                    "</div></body></html>"]

    def next(self, size):
        """The next message, of about size bytes."""
        rng = self.rng
        self.now += int(min(6 * self.pace, rng.expovariate(1 / self.pace)))
        sender = rng.choices(self.senders, cum_weights=self.rank)[0]
        ident = "<%08x.%05d@%s>" % (rng.getrandbits(32), rng.randrange(100000), sender.host)
        brief = size < 2500 and self.kind != "list" or self.kind == "small"
        references, subject, quote = self.reply(sender)
        head = self.headers(sender, ident, references, subject, brief)
        used = sum(map(len, head)) + 2 * len(head) + 60
        room = max(80, size - used)
        text = room
        if self.kind == "mixed":
            text = min(room, int(rng.lognormvariate(0, 0.9) * TEXT_MEDIAN))
            if room - text < 3000 or room < ALL_TEXT_MOST and rng.random() < ALL_TEXT:
                text = room
        html = self.kind == "mixed" and sender.html and text > 4000
        lines = self.fit(quote, text // 3 if html else text, sender)
        boundary = "----=_Part_%d_%d.%d" % (rng.randrange(10 ** 6), rng.randrange(10 ** 9), self.now)
        parts = [("TEXT", "PLAIN", "7BIT", "text/plain; charset=utf-8", None, "\r\n".join(lines).encode() + b"\r\n")]
        if html:
            parts.append(("TEXT", "HTML", "7BIT", "text/html; charset=utf-8", None,
                          "\r\n".join(self.html(sender, lines)).encode() + b"\r\n"))
        encoded = 0
        if room - text >= 3000:
            left = room - text
            count = 1 if left < 60000 else rng.choice((1, 1, 2, 3))
            for _ in range(count):
                kind, ending = rng.choice(FILES)
                name = "%s.%s" % (self.language.prose(rng, 12).strip().replace(" ", "_"), ending)
                body = attachment(rng, left // count)
                encoded += len(body)
                main, sub = kind.upper().split("/")
                parts.append((main, sub, "BASE64", '%s; name="%s"' % (kind, name), name, body))
        self.recent = self.recent[-11:] + [(ident, references, subject, lines, sender.name, self.date(self.now))]
        return self.assemble(sender, ident, references, subject, head, parts, boundary, encoded)

    def fit(self, quote, size, sender):
        """Lines of about size bytes: what is quoted, then what is new, then a signature."""
        lines = list(quote)
        most = QUOTED_MOST if self.kind == "list" else size * 3 // 4
        while lines and sum(map(len, lines)) + 2 * len(lines) > most:
            lines = lines[:len(lines) // 2]
        if self.kind == "list":
            size += sum(map(len, lines))
        have = sum(map(len, lines)) + 2 * len(lines)
        sign = sender.signature if size - have > 400 and self.rng.random() < 0.7 else []
        have += sum(map(len, sign)) + 2 * len(sign)
        return lines + self.language.lines(self.rng, max(40, (size - have) * 97 // 100)) + sign

    def assemble(self, sender, ident, references, subject, head, parts, boundary, encoded):
        if len(parts) == 1:
            content = parts[0][3]
            head.append("Content-Type: " + content)
            body = parts[0][5]
        else:
            sub = "alternative" if all(p[0] == "TEXT" for p in parts) else "mixed"
            content = 'multipart/%s;\r\n\tboundary="%s"' % (sub, boundary)
            head.append("Content-Type: " + content)
            pieces = []
            for main, _, encoding, kind, name, data in parts:
                pieces.append(("--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n%s\r\n" % (
                    boundary, kind, encoding.lower(), 'Content-Disposition: attachment; filename="%s"\r\n' % name if name else "",
                )).encode())
                pieces.append(data)
                pieces.append(b"\r\n")
            pieces.append(("--%s--\r\n" % boundary).encode())
            body = b"".join(pieces)
        top = ("\r\n".join(head) + "\r\n\r\n").encode()
        items = self.cache_items(sender, ident, references, subject, parts, boundary, content)
        return Message(top + body, len(top), self.now, items, encoded)

    def cache_items(self, sender, ident, references, subject, parts, boundary, content):
        """Envelope, BODYSTRUCTURE, BODY, section, kept headers, From, To, Cc, Bcc, Subject."""
        local, domain = self.owner.split("@")
        writer = '(("%s" NIL "%s" "%s"))' % (sender.name, sender.local, sender.domain)
        envelope = '(%s %s %s %s %s ((NIL NIL "%s" "%s")) NIL NIL %s "%s")' % (
            quoted(self.date(self.now)), quoted(subject), writer, writer, writer, local, domain,
            quoted(references[-1] if references else ""), ident)
        long, short = [], []
        for main, sub, encoding, _, name, data in parts:
            if main == "TEXT":
                basic = '("TEXT" "%s" ("CHARSET" "utf-8") NIL NIL "%s" %d %d' % (sub, encoding, len(data), data.count(b"\n"))
                long.append(basic + " NIL NIL NIL NIL)")
            else:
                basic = '("%s" "%s" ("NAME" "%s") NIL NIL "BASE64" %d' % (main, sub, name, len(data))
                long.append(basic + ' NIL ("ATTACHMENT" ("FILENAME" "%s")) NIL NIL)' % name)
            short.append(basic + ")")
        if len(parts) > 1:
            sub = "ALTERNATIVE" if "alternative" in content else "MIXED"
            long = ['(%s "%s" ("BOUNDARY" "%s") NIL NIL NIL)' % ("".join(long), sub, boundary)]
            short = ['(%s "%s")' % ("".join(short), sub)]
        kept = "Content-Type: %s\r\nUser-Agent: %s\r\n" % (content, sender.agent)
        if references:
            kept = "References: %s\r\n" % "\r\n\t".join(references) + kept
        return [envelope.encode(), long[0].encode(), short[0].encode(), b"\0\0\0\0", kept.encode(),
                ('"%s" <%s>' % (sender.name, sender.address)).encode(), ("<%s>" % self.owner).encode(), b"", b"",
                quoted(subject).encode()]
