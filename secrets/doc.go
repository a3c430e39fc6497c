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
// of a panic. All of them show the same for every secret, so that not even
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
// filters streams ([Redactor.Writer]) and texts ([Redactor.String],
// [Redactor.Bytes]). A value is found wherever the stream was cut into
// pieces. Text without a registered value passes unchanged, byte for byte.
//
// Between two placeholders that stand next to text, the text may by chance
// continue the placeholder to something that looks like a registered value,
// such as a value "]abc": that is not the secret.
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
// Lookup returns is always a [*SourceError]. Nothing is kept between calls: what
// needs a secret often, or a last good one while a vault is down, keeps it
// itself.
//
// Package sourcetest proves an implementation.
//
// # Concurrency and errors
//
// Everything here is safe for concurrent use, except for decoding into a Value
// that others read. No error of this package holds a secret or a part of one.
package secrets
