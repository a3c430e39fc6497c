package hostcheck_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/masaruk/devops/monitor"
	"github.com/masaruk/devops/monitor/check/hostcheck"
)

func ExampleNewCPU() {
	cpu, err := hostcheck.NewCPU(&hostcheck.CPUOptions{
		Utilisation: hostcheck.Limits{Warn: 0.95}, // no failure by default
		Load:        hostcheck.Limits{Warn: -1, Fail: -1},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range cpu.Check(context.Background()).Measurements[:1] {
		fmt.Println(m.Name, m.Value >= 0)
	}
	// Output: utilisation true
}

func ExampleNewMemory() {
	memory, err := hostcheck.NewMemory(&hostcheck.MemoryOptions{Used: hostcheck.Limits{Warn: 0.8}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(memory.Check(context.Background()).Status != monitor.Unknown)
	// Output: true
}

func ExampleNewDisk() {
	disk, err := hostcheck.NewDisk("no/such/folder", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	r := disk.Check(context.Background())
	fmt.Println(r.Status, r.Detail)
	// Output: fail cannot be read
}

func ExampleNewDescriptors() {
	files, err := hostcheck.NewDescriptors(nil)
	if errors.Is(err, errors.ErrUnsupported) {
		return // not on this system
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	definition := monitor.Definition{Name: "descriptors", Check: files}
	fmt.Println(definition.Name)
	// Output: descriptors
}
