package artefact

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// listing sums up names, types, permissions and contents.
func listing(ctx context.Context, dir string) (string, error) {
	sum := sha256.New()
	err := filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil || file == dir {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%q %s\n", file[len(dir):], info.Mode())
		switch {
		case e.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(file)
			fmt.Fprintf(sum, "%q\n", target)
			return err
		case e.Type().IsRegular():
			return sumFile(sum, file)
		}
		return nil
	})
	return format(sum), err
}

func sumFile(sum hash.Hash, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close() // read only
	content := sha256.New()
	_, err = io.Copy(content, f)
	fmt.Fprintf(sum, "%x\n", content.Sum(nil))
	return err
}
