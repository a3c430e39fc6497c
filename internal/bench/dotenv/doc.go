// Package dotenv compares what the linter of .env files says with what another
// reader of them, github.com/joho/godotenv, makes of the same text: it proves
// each disagreement that the findings claim, and agreement where there are
// none.
package dotenv
