"""Messages that mean harm to whoever shows them: to terminals, to columns, to decoders."""

import base64


def message(headers, body=b"Look at the headers.\r\n"):
    return b"\r\n".join(headers) + b"\r\n\r\n" + body


def encoded(text, charset="utf-8"):
    return b"=?%s?b?%s?=" % (charset.encode(), base64.b64encode(text.encode(charset) if isinstance(text, str) else text))


def plain(number, subject, sender=b"Mallory <mallory@example.net>", body=b"Look at the subject.\r\n", more=()):
    return message([b"From: " + sender, b"To: eve@example.org", b"Date: Mon, 02 Nov 2026 10:%02d:00 +0000" % number,
                    b"Subject: " + subject, b"Message-ID: <hostile.%d@seed.example>" % number, *more], body)


ESCAPES = b"\x1b[2J\x1b[1;31mowned\x1b[0m\x1b]0;title\x07\x1bP$q\"p\x1b\\"

HOSTILE = (
    plain(1, b"escape sequences " + ESCAPES),
    plain(2, encoded("encoded escapes " + ESCAPES.decode())),
    plain(3, encoded("invoice \u202egpj.exe\u202c \u2066isolate\u2069 \u200fmark")),
    plain(4, b"invalid UTF-8 \xff\xfe\xc0\xaf \xed\xa0\x80 end"),
    plain(5, encoded(b"invalid encoded \xff\xfe\xc3(")),
    plain(6, b"long " + b"abcdefghi " * 1000),
    plain(7, b" ".join([encoded("länglich ")] * 300)),
    plain(8, b"C1 controls \xc2\x9b2J and \x9b2J"),
    plain(9, encoded("zalgo " + "e\u0301\u0300\u0302\u0303\u0304" * 20 + " wide 文件文件文件 zwj 👩\u200d👩\u200d👧 end")),
    plain(10, b"sender with a bell", b"\"\x07\x1b[5mMallory\x1b[25m\" <mallory@example.net>"),
    plain(11, b"", b""),
    plain(12, b"body", body=b"in the text: " + ESCAPES + b"\r\n\x9b2J \xe2\x80\xae reversed\r\n" + b"x" * 5000 + b"\r\n",
          more=[b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: 8bit"]),
    plain(13, b"html", body=b"<html><script>alert(1)</script><p>visible&#27;[2J&#x9b;2J text</p>" + b"<div>" * 3000 + b"deep",
          more=[b"MIME-Version: 1.0", b"Content-Type: text/html; charset=utf-8"]),
    plain(14, encoded("=?unknown charset", "utf-16") + b" =?x-none?b?gIGC?= =?utf-8?q?=1B[2J_half"),
    plain(15, b"line\r\n separator" + "\u2028\u2029\u0085".encode() + b" and tab\there"),
)
