// Package leakforms lists the texts that a secret leaks as: programs do not
// print a secret as it is, they quote it into JSON, a URL, HTML or a command
// line, or encode it as base64 or hex.
//
//	for _, f := range leakforms.Of(secret) {
//		// f.Name is "base64", f.Text what to look for
//	}
//
// The forms, and whose way of writing each is:
//
//	raw          the value
//	json         Go with and without its HTML escaping, Node's JSON.stringify, PHP's \/,
//	             ASCII only with \u in lower and upper case; Go's and Node's also once more within JSON
//	url          Go's query, path, whole path and user info; encodeURIComponent, encodeURI,
//	             URLSearchParams, Python's quote; %xx in lower and upper case, a space as + and %20
//	html         Go's html.EscapeString and html/template, named entities (&quot;, &apos;), hex references
//	shell        POSIX single and double quotes, bash's printf %q with backslashes and with $'...'
//	quoted       Go's %q and %+q, Python's repr, Node's util.inspect
//	base64       standard and URL alphabet: the value alone, padded or not, and the characters that
//	             depend wholly on the value where 0, 1 or 2 bytes of a group of three stand before it,
//	             so that it is found in the base64 of any text that holds it
//	hex          lower and upper case
//
// A value of several lines gives its lines too, without the space around them,
// each in each form, since logs break it up. The value without the space
// around it is a line in this sense.
//
// Not listed are forms of forms (a URL within base64), other than those above,
// base64 that is broken into lines within the value, and upper case mixed with
// lower case in one text.
package leakforms
