// Pulumi's Docker plugin for machines that cannot download the official one: the same Terraform provider
// behind the same bridge, with the resources that our programs use. The Python SDK is the official
// pulumi-docker, whose tokens these are.
package main

import (
	"encoding/json"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// Version is the version of the SDK that this plugin answers to; set at build time.
var Version = "0.0.0"

func main() {
	resource := func(name string) *tfbridge.ResourceInfo {
		return &tfbridge.ResourceInfo{Tok: tfbridge.MakeResource("docker", "index", name)}
	}
	named := func(name string) *tfbridge.ResourceInfo {
		made := resource(name)
		// Without a name it gets the resource's, and a random end.
		made.Fields = map[string]*tfbridge.SchemaInfo{"name": tfbridge.AutoName("name", 255, "-")}
		return made
	}
	info := tfbridge.ProviderInfo{
		P:       shimv2.NewProvider(provider.New(Version)()),
		Name:    "docker",
		Version: Version,
		Resources: map[string]*tfbridge.ResourceInfo{
			"docker_container": named("Container"),
			"docker_image":     resource("RemoteImage"),
			"docker_network":   named("Network"),
			"docker_volume":    named("Volume"),
		},
	}
	// No SDK is made from this plugin: an empty schema is enough to run it.
	schema, _ := json.Marshal(map[string]string{"name": "docker", "version": Version})
	tfbridge.Main("docker", Version, info, schema)
}
