package deploy

import (
	"encoding/json"
	"fmt"
	"time"
)

// Approved is the standard shape of what a step of [KindApproval] provides:
// who approved what. [Report.Approvals] is made of it.
type Approved struct {
	// Request is the digest of what was approved.
	Request string     `json:"request"`
	By      []Approval `json:"by"`
}

// Approval is one person's.
type Approval struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	// Role is the one that was asked for; empty where none was.
	Role    string    `json:"role,omitempty"`
	Comment string    `json:"comment,omitempty"`
	Time    time.Time `json:"time"`
	// Via is how it came, such as "page" or "file".
	Via string `json:"via,omitempty"`
}

// String names who, as what and when.
func (a Approval) String() string {
	who := oneLine(a.ID)
	if a.Name != "" {
		who = oneLine(a.Name) + " (" + who + ")"
	}
	if a.Role != "" {
		who += " as " + oneLine(a.Role)
	}
	who += ", " + a.Time.UTC().Format(time.RFC3339)
	if a.Comment != "" {
		who += fmt.Sprintf(": %q", a.Comment)
	}
	return who
}

// approvalsIn collects what the approval steps have journalled.
func approvalsIn(d Description, outputs map[string]json.RawMessage) []Approval {
	var all []Approval
	for _, s := range d.Steps {
		if s.Kind != KindApproval {
			continue
		}
		for _, decl := range s.Provides {
			var a Approved
			if raw, ok := outputs[nameOf(decl)]; ok && json.Unmarshal(raw, &a) == nil && a.Request != "" {
				all = append(all, a.By...)
			}
		}
	}
	return all
}
