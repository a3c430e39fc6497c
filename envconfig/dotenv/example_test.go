package dotenv_test

import (
	"fmt"

	"github.com/masaruk/devops/envconfig/dotenv"
)

func ExampleParse() {
	entries, err := dotenv.Parse("# the API\nPORT=3000\nDATABASE_URL='postgres://db/api#main'\nGREETING=\"hello\nDEBUG\n", dotenv.Node)
	for _, e := range entries {
		fmt.Println(e, len(e.Value))
	}
	fmt.Println(err)
	// Output:
	// PORT (line 2) 4
	// DATABASE_URL (line 3) 22
	// GREETING (line 4) 6
	// line 4: GREETING: the quote that the value begins with is never closed; close it, or put the value in other quotes
	// line 5: the line is neither a variable nor a comment and is passed over; write NAME=value, or comment it out
}

func ExampleFormat() {
	text, err := dotenv.Format([]dotenv.Entry{
		{Name: "PORT", Value: "3000"},
		{Name: "PASSWORD", Value: "pa$$#word"},
		{Name: "GREETING", Value: "it's open"},
	}, dotenv.Node)
	fmt.Print(text, err)
	// Output:
	// PORT=3000
	// PASSWORD='pa$$#word'
	// GREETING="it's open"
	// <nil>
}

func ExampleLint() {
	for _, f := range dotenv.Lint("PORT=3000\nPASSWORD=pa$$word\n") {
		fmt.Println(f)
		fmt.Println(f.Rule, f.Readers)
	}
	// Output:
	// line 2: PASSWORD: a "$" outside single quotes is expanded by some readers; put it in single quotes
	// dollar [docker compose godotenv gotenv]
}
