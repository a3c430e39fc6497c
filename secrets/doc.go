// Package secrets keeps secrets out of everything that people and machines
// read: a [Value] hides itself wherever it is printed, logged or encoded, and
// a [Redactor] removes values from text that comes from elsewhere, such as
// the output of a command. A [Source] is where they come from.
//
//	password := secrets.New(os.Getenv("DB_PASSWORD"))
//	log.Printf("connecting with %+v", password) // connecting with [redacted]
//	connect(password.Reveal())
//
// # Value
//
// [Value.Reveal] is the only way out; search a program for it to review where
// secrets go. The exits that show [Placeholder] instead are: package fmt with
// every verb and flag, also for unexported fields deep within other values;
// String and GoString; encoders of text, JSON, XML, YAML and gob; log/slog
// with every handler at any depth; text/template and html/template; the text
// of a panic. As an argument of a query a Value is refused, because drivers
// would store what it shows. All of them show the same for every secret, so that not even
// its length can be learnt. (A Value in an unexported field is shown by fmt as
// an address in memory, because fmt cannot call its methods there.)
//
// Decoders of text, JSON, XML, YAML and gob load a Value. They refuse text
// that holds the placeholder, so that a configuration that was printed can
// never be loaded as if it were real; the error wraps [ErrRedacted].
//
// A Value protects against mistakes, not against code in the same process:
// the secret stays in memory until the garbage collector reuses it, and may be
// in a core dump. What was made of a revealed secret, such as a URL, is a
// plain string again.
//
// # Redactor
//
// A Redactor knows a set of values, which may grow while it is in use, and
// filters streams ([Redactor.Writer]), texts ([Redactor.String],
// [Redactor.Bytes]) and errors ([Redactor.Error]); [Redactor.Find] only tells
// where secrets are. It finds a value wherever the stream was cut into pieces,
// in each form that programs print it in:
//
//	raw      as it is, and each of its lines alone, without the space around it
//	JSON     Go's and Node's escapes, PHP's \/, ASCII only with \u, JSON within JSON
//	URL      query, path, user info and what JavaScript and Python make of it, %xx in either case
//	HTML     named and numeric entities, as Go, React, Python, PHP and XML write them
//	shell    within single and double quotes, bash's printf %q
//	quoted   Go's %q and %+q, literals of Python, what Node's console.log shows of objects
//	base64   standard and URL, padded or not, alone or anywhere in a text that was encoded
//	hex      lower and upper case
//
// Each line of a value is looked for in each form too. Not found are other
// forms of forms (a URL in base64), base64 with line breaks within the value,
// compressed or encrypted text, and a part of a value. In base64 of a longer
// text, one or two characters at either end that depend on the text around as
// well stay: they show at most 4 bits of the value.
//
// Text without a registered value passes unchanged, byte for byte. Between two
// placeholders that stand next to text, the text may by chance continue the
// placeholder to something that looks like a registered value, such as a value
// "]abc": that is not the secret.
//
// A value has at least 4 bytes. All values in all forms may have 4 MiB: some
// thousand passwords, or 29 RSA keys of 2048 bits in PEM. A writer holds back
// what may be the beginning of a form, and nothing else, so less than the
// longest form. Patterns ([Redactor.AddPatterns]: payment cards, tokens, private
// keys, keys of providers; e-mail addresses and phone numbers) hold back what
// is said at each [Pattern], at most 24 KiB.
//
// [Redactor.Error] keeps errors.Is as it is, and errors.As for the errors of the
// chain that hold no secret. fmt shows a []byte in an error's fields as numbers
// with %+v and %#v; those are not filtered.
//
// # Speed of the Redactor
//
// MB per second on one core of a virtual machine (Intel Xeon, Go 1.26), 200 secrets of 16 to 64 bytes in all forms (2908 texts, 2.2
// MiB of tables), 1 MiB of log lines; the others look for the same texts:
//
//	text                                       Redactor  strings.Replacer  coregx v0.3.1  BobuSumisu v1.0.3  bytes.Index each
//	no secret, nothing like one                    2193               232            463                187               3.4
//	in each line a secret but for some bytes        965               190            279                113               2.1
//	only secrets without their last byte            261               180            142                 56               0.8
//	a secret in each tenth line                    1376               235            321                154               2.9
//
//	go test -run '^$' -bench . ./redact     (in internal/bench)
//
// bytes.Index was given a sixteenth of the text. The output of all is compared
// first; coregx/ahocorasick stops at the shorter of two texts that begin alike,
// so its last figure is for less work.
//
// The shortest form sets the pace: one secret of 12 bytes beside the 200 makes
// it 1961 MB/s on the text of the first line, 8 bytes 934, 6 bytes 763, 4 bytes
// 205. In the worst case, text that is nothing but beginnings of a secret, it is
// 45 to 52, for secrets of 16 bytes as for those of 4096. With patterns it is
// 163 to 345. The first use after an Add makes the tables anew, in 7 ms for 200
// secrets.
//
// # Source
//
// A [Source] gives secrets by name, each as it is at the time of the call:
//
//	source            a name is                       the secret is
//	Static            a key of the map                its Value
//	NewEnvironment    one of the variables given      the variable, as it is
//	NewFolder         the path of a file below it     the file, without one line ending
//	NewCommand        the last argument of a program  its standard output, without one line ending
//
// [Chain] asks several in order, [Prefix] and [Rename] change the names:
//
//	variables, err := secrets.NewEnvironment("DB_PASSWORD")
//	files, err := secrets.NewFolder("/run/secrets")
//	source := secrets.Chain(secrets.Rename(variables, map[string]string{"db_password": "DB_PASSWORD"}), files)
//	password, err := source.Lookup(ctx, "db_password")
//
// Not found wraps [fs.ErrNotExist] and is an answer; any other error means
// that nobody knows, so a chain stops there. A secret that is empty is found.
// Text that holds the placeholder is refused, as by the decoders. What their
// Lookup returns is always a [*SourceError]. Package sourcetest proves an
// implementation. Sources in packages of their own, each with its dependency:
// agesource (an age-encrypted file), vaultsource (Vault and OpenBao), awssecrets
// (Secrets Manager and Parameter Store).
//
// # Cache
//
// Nothing is kept between calls, but by a [Cache], which is a Source too. It
// asks once for many callers, gives the last good value while a source fails,
// up to an age, asks again when a value was rejected ([Cache.Refresh]), keeps
// the previous value during a rotation ([Pair]), and can be watched
// ([Cache.Watch]). It logs nothing; [CacheOptions] has a handler of typed
// events, which hold no secret.
//
// # Fingerprints
//
// A [Fingerprinter] makes keyed fingerprints (HMAC-SHA256), by which
// environments that must not see each other's secrets can tell whether they
// share one. With a leaked key, short or chosen secrets can be guessed offline.
//
// # Masking logs
//
// [NewHandler] hides attributes by key path ([Keys]) and by value before any
// handler of log/slog. For all of it let the finished line pass the Redactor
// too:
//
//	h, err := secrets.NewHandler(slog.NewJSONHandler(r.Writer(w), nil), &secrets.HandlerOptions{Redactor: r})
//
// The line also covers the names of attributes, and numbers (one that is a
// registered value becomes text without quotes, so that line is no JSON). Logs
// of other programs, such as Pino's, go through [Keys.Lines], single documents
// through [Keys.JSON].
//
// LogValuers inside structs, maps and slices are not resolved, as in log/slog;
// what they print is masked by key and by value only. Key paths do not look
// into JSON inside of strings.
//
// A record of 13 attributes (10 scalars, a group in a group, a struct, an
// error), 20 registered values; the four copies of a secret are planted in an
// attribute, a header, a field and an error. One run on a busy machine, the
// lowest tenth of 1500 batches of 50 records, in turns; other runs differ by
// 0.04, the medians by 0.1:
//
//	                                           ns/record  x plain  left of 4
//	plain JSONHandler                             3167      1.00     4
//	ReplaceAttr that does nothing                 3872      1.22     4
//	ReplaceAttr by key                            3976      1.26     2
//	handler, keys only, all typed                 3750      1.18     0
//	handler, keys only, error a string            3774      1.19     1
//	handler, keys and Redactor, error a string    4132      1.30     0
//	the same, field of the struct a string too    4297      1.36     0
//	line only                                     3859      1.22     0
//	handler, keys only, all typed, and the line   4052      1.28     0
//	the same, error a string                      4209      1.33     0
//	handler, keys and Redactor, and the line      4384      1.38     0
//	a record with nothing to hide: plain          3127      1.00
//	the same, keys and Redactor                   3665      1.17
//
// Typed is a [Value], or text made of one. The line alone finds registered
// values only, and the line that holds one in a number is no JSON.
//
// Copying the record takes 6 % of the plain handler's time, and what else is to
// be done for each attribute 12 %. An error with a registered value takes 5 %:
// finding it, and memory for the new text.
//
//	go test -run '^$' -bench . -benchtime 1500x ./logmask     (in internal/bench)
//
// # Concurrency and errors
//
// Everything here is safe for concurrent use, except for decoding into a Value
// that others read. No error of this package holds a secret or a part of one.
package secrets
