package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/masaruk/devops/secrets"
)

func ExampleNewFolder() {
	dir, err := os.MkdirTemp("", "secrets-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "db_password"), []byte("correct horse\n"), 0o600); err != nil {
		panic(err)
	}

	files, err := secrets.NewFolder(dir)
	if err != nil {
		panic(err)
	}
	password, err := files.Lookup(context.Background(), "db_password")
	fmt.Println(password, len(password.Reveal()), err)
	_, err = files.Lookup(context.Background(), "api_key")
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output:
	// [redacted] 13 <nil>
	// true
}

func ExampleNewEnvironment() {
	if err := os.Setenv("EXAMPLE_DB_PASSWORD", "correct horse"); err != nil {
		panic(err)
	}
	defer os.Unsetenv("EXAMPLE_DB_PASSWORD")

	variables, err := secrets.NewEnvironment("EXAMPLE_DB_PASSWORD", "EXAMPLE_API_KEY")
	if err != nil {
		panic(err)
	}
	password, err := variables.Lookup(context.Background(), "EXAMPLE_DB_PASSWORD")
	fmt.Println(password, len(password.Reveal()), err)
	_, err = variables.Lookup(context.Background(), "EXAMPLE_API_KEY")
	fmt.Println(err)
	// Output:
	// [redacted] 13 <nil>
	// environment: secret "EXAMPLE_API_KEY": the variable is not set: file does not exist
}

// With the program of a password store, which exits with 1 for every failure:
// it is never taken for not found.
func ExampleNewCommand() {
	store, err := secrets.NewCommand([]string{"pass", "show"}, &secrets.CommandOptions{
		Inherit: []string{"HOME", "PATH", "GNUPGHOME", "PASSWORD_STORE_DIR"},
		Stderr:  os.Stderr,
	})
	if err != nil {
		panic(err)
	}
	_, err = store.Lookup(context.Background(), "--help")
	fmt.Println(err)
	// Output:
	// command pass: secret "--help": the name begins with "-", so the command would take it for an option
}

// What is at hand wins over the vault. An error of the first source is not
// made up for by the second.
func ExampleChain() {
	ctx := context.Background()
	override := secrets.Static(map[string]secrets.Value{"api/key": secrets.New("for this run")})
	vault := secrets.Prefix(secrets.Static(map[string]secrets.Value{
		"prod/api/key":     secrets.New("of the vault"),
		"prod/db/password": secrets.New("correct horse"),
	}), "prod/")

	source := secrets.Chain(override, vault)
	key, err := source.Lookup(ctx, "api/key")
	fmt.Println(len(key.Reveal()), err)
	password, err := source.Lookup(ctx, "db/password")
	fmt.Println(len(password.Reveal()), err)

	sealed := secrets.SourceFunc(func(context.Context, string) (secrets.Value, error) {
		return secrets.Value{}, errors.New("the vault is sealed")
	})
	_, err = secrets.Chain(sealed, override).Lookup(ctx, "api/key")
	fmt.Println(err)
	// Output:
	// 12 <nil>
	// 13 <nil>
	// chain: secret "api/key": the vault is sealed
}

func ExampleRename() {
	variables := secrets.Static(map[string]secrets.Value{"DB_PASSWORD": secrets.New("correct horse")})
	source := secrets.Rename(variables, map[string]string{"db/password": "DB_PASSWORD"})
	password, err := source.Lookup(context.Background(), "db/password")
	fmt.Println(password, len(password.Reveal()), err)
	// Output: [redacted] 13 <nil>
}
