// Package files places files as steps, and puts back what was there before:
// [Copy] copies a file or a tree, [Template] writes a file that is made of
// outputs, data and secrets.
//
//	conf := &files.Template{
//		To:      "/etc/shop/config.json",
//		Text:    `{"port": {{.Data.Port}}, "release": {{output "release" | json}}, "password": {{secret "db_password" | json}}}`,
//		Data:    struct{ Port int }{8080},
//		Secrets: []string{"db_password"},
//		Source:  source,
//	}
//	step := conf.Step("config")
//	step.Binds = []string{"release"}
//
// Do not use it to place a release: deploy/release keeps several side by side
// and switches between them at one instant.
//
// # What is promised
//
// A file has its old or its new content at every instant, also after a power
// cut, and when the step has succeeded it has the new one for good: it was
// read back and compared. A tree is made complete beside its place and then
// moved there; where one stands there already it is moved away first, so for
// an instant there is none. All steps can be repeated.
//
// Before the first change, what stands at To is saved beside it, in the same
// folder, by a name that begins with a dot and belongs to the step and the
// run: ".config.json.before-1a2b3c4d-5e6f7a8b-9c0d1e2f". Where nothing stands
// there, an empty file ".config.json.absent-..." says so. [Restore], the Undo,
// moves the saved one back and needs nothing else, so it works after a crash
// in either direction, and changes nothing where the step had changed nothing.
// What a run that succeeded saved is removed by the next run of the same
// service in the same environment that places a file at To.
//
// A saved file has the mode of what it was, and belongs to whom the program
// runs as, as a placed one does. Links: a To that is a symbolic link is
// refused; in a tree links are copied as they are, and what is neither file,
// folder nor link is refused.
//
// # Templates
//
// The language is that of text/template, where a missing key is an error. Its
// dot has the fields Data, Run, Service, Environment and Step. The function
// output gives the output of a name, which the step lists in Binds, secret the
// text of a secret that stands in Secrets, and json writes any value as JSON.
// Nothing else is escaped: a value goes into the file as it is. Secrets are
// looked up at each attempt; the plan holds names alone, and neither a log nor
// an error shows the content of the file.
//
// # Where
//
// The files are those of the machine that the program runs on. They are no
// commands, so a fence does not hold them back. Windows cannot sync folders,
// so everything here returns [errors.ErrUnsupported] there.
//
// # Concurrency, errors, logs
//
// The actions are data and can be shared, as long as no two steps that run at
// the same time name the same To. Errors name the path. It logs nothing.
package files
