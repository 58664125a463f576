package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/hashicorp/nomad/api"
)

func init() {
	checks["acl"] = accessControl
	checks["variables"] = variables
	checks["locks"] = locks
	checks["volumes"] = volumes
	checks["services"] = services
}

// accessControl runs against agents of both kinds: with a token of management in NOMAD_TOKEN, or without any access control.
func accessControl(t *test) {
	if os.Getenv("NOMAD_TOKEN") == "" {
		_, _, err := t.client.ACLPolicies().List(nil)
		t.expect(err != nil && strings.Contains(err.Error(), "ACL support disabled"), "policies without access control: %v", err)
		_, _, err = t.client.ACLTokens().List(nil)
		t.expect(err != nil && strings.Contains(err.Error(), "ACL support disabled"), "tokens without access control: %v", err)
		return
	}
	policy := &api.ACLPolicy{Name: "conformance", Description: "reads", Rules: `namespace "default" { policy = "read" }`}
	_, err := t.client.ACLPolicies().Upsert(policy, nil)
	t.must(err, "Upsert")
	got, _, err := t.client.ACLPolicies().Info("conformance", nil)
	t.must(err, "Info")
	t.expect(got.Rules == policy.Rules && got.Description == "reads", "the policy came back as %+v", got)
	role, _, err := t.client.ACLRoles().Create(&api.ACLRole{Name: "conformance", Policies: []*api.ACLRolePolicyLink{{Name: "conformance"}}}, nil)
	t.must(err, "Create a role")
	token, _, err := t.client.ACLTokens().Create(&api.ACLToken{Name: "conformance", Type: "client", Roles: []*api.ACLTokenRoleLink{{ID: role.ID}}}, nil)
	t.must(err, "Create a token")
	t.withToken(token, role.ID)
	_, err = t.client.ACLTokens().Delete(token.AccessorID, nil)
	t.must(err, "Delete a token")
	_, err = t.client.ACLRoles().Delete(role.ID, nil)
	t.must(err, "Delete a role")
	_, err = t.client.ACLPolicies().Delete("conformance", nil)
	t.must(err, "Delete a policy")
	_, _, err = t.client.ACLPolicies().Info("conformance", nil)
	t.expect(err != nil && strings.Contains(err.Error(), "404"), "a policy that is gone: %v", err)
}

// withToken is what the holder of a token that only reads may do.
func (t *test) withToken(token *api.ACLToken, roleID string) {
	other, err := api.NewClient(api.DefaultConfig())
	t.must(err, "NewClient")
	defer other.Close()
	other.SetSecretID(token.SecretID)
	self, _, err := other.ACLTokens().Self(nil)
	t.must(err, "Self")
	t.expect(self.AccessorID == token.AccessorID && self.Roles[0].ID == roleID, "the token says of itself %+v", self)
	_, _, err = other.Jobs().List(nil)
	t.must(err, "List by a reader")
	_, _, err = other.Jobs().Register(sleeper("conformance-acl", 1), nil)
	t.expect(err != nil && strings.Contains(err.Error(), "Permission denied"), "a reader registers: %v", err)
	once, _, err := other.ACLTokens().UpsertOneTimeToken(nil)
	t.must(err, "UpsertOneTimeToken")
	changed, _, err := other.ACLTokens().ExchangeOneTimeToken(once.OneTimeSecretID, nil)
	t.must(err, "ExchangeOneTimeToken")
	t.expect(changed.SecretID == token.SecretID, "exchanged for another token")
	_, _, err = other.ACLTokens().ExchangeOneTimeToken(once.OneTimeSecretID, nil)
	t.expect(err != nil, "a one-time token was taken twice")
	other.SetSecretID("5ebc6ff7-b9aa-49a4-bbd7-0e6c1e0f4a11")
	_, _, err = other.Jobs().List(nil)
	t.expect(err != nil && strings.Contains(err.Error(), "403"), "a token that nobody gave: %v", err)
}

func variables(t *test) {
	const path = "conformance/one"
	made, _, err := t.client.Variables().CheckedCreate(&api.Variable{Path: path, Items: api.VariableItems{"a": "1"}}, nil)
	t.must(err, "CheckedCreate")
	_, _, err = t.client.Variables().CheckedCreate(&api.Variable{Path: path, Items: api.VariableItems{"a": "2"}}, nil)
	t.expect(errors.As(err, &api.ErrCASConflict{}), "created twice: %v", err)
	made.Items["b"] = "2"
	changed, _, err := t.client.Variables().CheckedUpdate(made, nil)
	t.must(err, "CheckedUpdate")
	_, _, err = t.client.Variables().CheckedUpdate(made, nil)
	t.expect(errors.As(err, &api.ErrCASConflict{}), "changed what is old: %v", err)
	got, _, err := t.client.Variables().Read(path, nil)
	t.must(err, "Read")
	t.expect(got.Items["b"] == "2" && got.ModifyIndex == changed.ModifyIndex, "read as %+v", got)
	list, _, err := t.client.Variables().PrefixList("conformance/", nil)
	t.must(err, "PrefixList")
	t.expect(len(list) == 1 && list[0].Path == path, "listed as %+v", list)
	_, err = t.client.Variables().CheckedDelete(path, changed.ModifyIndex, nil)
	t.must(err, "CheckedDelete")
	_, _, err = t.client.Variables().Read(path, nil)
	t.expect(errors.Is(err, api.ErrVariablePathNotFound), "a variable that is gone: %v", err)
}

func locks(t *test) {
	const path = "conformance/lock"
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	variable := api.Variable{Path: path, Lock: &api.VariableLock{TTL: "20s", LockDelay: "0s"}}
	mine, err := t.client.Locks(api.WriteOptions{}, variable)
	t.must(err, "Locks")
	theirs, err := t.client.Locks(api.WriteOptions{}, api.Variable{Path: path, Lock: &api.VariableLock{TTL: "20s", LockDelay: "0s"}})
	t.must(err, "Locks")
	held, err := mine.Acquire(ctx)
	t.must(err, "Acquire")
	t.expect(held == path, "held at %q", held)
	_, err = theirs.Acquire(ctx)
	t.expect(errors.Is(err, api.ErrLockConflict), "a lock that is held was acquired: %v", err)
	t.must(mine.Renew(ctx), "Renew")
	_, _, err = t.client.Variables().Update(&api.Variable{Path: path, Items: api.VariableItems{"a": "1"}}, nil)
	t.expect(err != nil, "a locked variable was written without the lock")
	t.must(mine.Release(ctx), "Release")
	err = mine.Release(ctx)
	t.expect(err != nil, "released twice")
	_, err = t.client.Variables().Delete(path, nil)
	t.must(err, "Delete")
}

func volumes(t *test) {
	made, _, err := t.client.HostVolumes().Create(&api.HostVolumeCreateRequest{Volume: &api.HostVolume{
		Name: "conformance", PluginID: "mkdir",
		RequestedCapabilities: []*api.HostVolumeCapability{{AttachmentMode: api.HostVolumeAttachmentModeFilesystem, AccessMode: api.HostVolumeAccessModeSingleNodeWriter}},
	}}, nil)
	t.must(err, "Create")
	id := made.Volume.ID
	t.until("the volume is ready", func(q *api.QueryOptions) (bool, *api.QueryMeta, error) {
		got, meta, err := t.client.HostVolumes().Get(id, q)
		return err == nil && got.State == api.HostVolumeStateReady, meta, err
	})
	list, _, err := t.client.HostVolumes().List(&api.HostVolumeListRequest{}, nil)
	t.must(err, "List")
	found := false
	for _, each := range list {
		found = found || each.ID == id && each.Name == "conformance"
	}
	t.expect(found, "the volume is not listed")
	_, _, err = t.client.HostVolumes().Delete(&api.HostVolumeDeleteRequest{ID: id}, nil)
	t.must(err, "Delete")
	_, _, err = t.client.HostVolumes().Get(id, nil)
	t.expect(err != nil && strings.Contains(err.Error(), "404"), "a volume that is gone: %v", err)
}

// services asks as the service discoveries of Prometheus and Traefik do: names by stale blocking reads, then the instances of each.
func services(t *test) {
	job := sleeper("conformance-services", 2)
	job.TaskGroups[0].Services = []*api.Service{{Name: "found", Provider: "nomad", PortLabel: "8080", Tags: []string{"seen"}}}
	t.start(job)
	defer t.purge(*job.ID)
	var instances []*api.ServiceRegistration
	t.until("both instances are registered", func(q *api.QueryOptions) (bool, *api.QueryMeta, error) {
		q.AllowStale = true
		got, meta, err := t.client.Services().Get("found", q)
		instances = got
		return err == nil && len(got) == 2, meta, err
	})
	for _, each := range instances {
		t.expect(each.Port == 8080 && each.Address != "" && each.Tags[0] == "seen" && each.JobID == *job.ID, "registered as %+v", each)
	}
	lists, _, err := t.client.Services().List(&api.QueryOptions{AllowStale: true})
	t.must(err, "List")
	names := map[string]bool{}
	for _, list := range lists {
		for _, each := range list.Services {
			names[each.ServiceName] = true
		}
	}
	t.expect(names["found"], "listed are %v", names)
	only, _, err := t.client.Services().Get("found", &api.QueryOptions{Filter: `JobID == "nobody"`})
	t.must(err, "Get with a filter")
	t.expect(len(only) == 0, "a filter lets %d through", len(only))
}
