package virtualcam

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// device answers the Device service (ONVIF Core, ver10/device/wsdl).
func (c *Camera) device(op string) (string, bool) {
	switch op {
	case "GetSystemDateAndTime":
		return c.dateAndTime(), true
	case "GetDeviceInformation":
		return fmt.Sprintf(`<tds:GetDeviceInformationResponse><tds:Manufacturer>Lieciba</tds:Manufacturer><tds:Model>Virtual camera</tds:Model>`+
			`<tds:FirmwareVersion>1.0</tds:FirmwareVersion><tds:SerialNumber>%s</tds:SerialNumber><tds:HardwareId>virtual</tds:HardwareId></tds:GetDeviceInformationResponse>`,
			strings.TrimPrefix(c.endpoint, "urn:uuid:")), true
	case "GetEndpointReference":
		return `<tds:GetEndpointReferenceResponse><tds:GUID>` + c.endpoint + `</tds:GUID></tds:GetEndpointReferenceResponse>`, true
	case "GetServices":
		return c.services(), true
	case "GetCapabilities":
		return c.capabilities(), true
	case "GetScopes":
		var b strings.Builder
		for _, s := range c.scopes() {
			b.WriteString(`<tds:Scopes><tt:ScopeDef>Fixed</tt:ScopeDef><tt:ScopeItem>` + s + `</tt:ScopeItem></tds:Scopes>`)
		}
		return `<tds:GetScopesResponse>` + b.String() + `</tds:GetScopesResponse>`, true
	case "GetNetworkInterfaces":
		host, _, _ := net.SplitHostPort(c.Address()) // our own listener's
		return `<tds:GetNetworkInterfacesResponse><tds:NetworkInterfaces token="eth0"><tt:Enabled>true</tt:Enabled><tt:Info><tt:Name>eth0</tt:Name><tt:HwAddress>02:00:00:00:00:01</tt:HwAddress><tt:MTU>1500</tt:MTU></tt:Info>` +
			`<tt:IPv4><tt:Enabled>true</tt:Enabled><tt:Config><tt:Manual><tt:Address>` + host + `</tt:Address><tt:PrefixLength>8</tt:PrefixLength></tt:Manual><tt:DHCP>false</tt:DHCP></tt:Config></tt:IPv4></tds:NetworkInterfaces></tds:GetNetworkInterfacesResponse>`, true
	case "GetHostname":
		return `<tds:GetHostnameResponse><tds:HostnameInformation><tt:FromDHCP>false</tt:FromDHCP><tt:Name>virtualcam</tt:Name></tds:HostnameInformation></tds:GetHostnameResponse>`, true
	case "GetServiceCapabilities":
		return `<tds:GetServiceCapabilitiesResponse><tds:Capabilities><tds:Network/><tds:Security UsernameToken="true" HttpDigest="true"/><tds:System/></tds:Capabilities></tds:GetServiceCapabilitiesResponse>`, true
	}
	return "", false
}

func (c *Camera) dateAndTime() string {
	now := c.now()
	zone := "EET-2EEST,M3.5.0/3,M10.5.0/4"
	if c.fault().BadHints {
		zone = "UTC5UTC"
	}
	part := func(t time.Time) string {
		return fmt.Sprintf(`<tt:Time><tt:Hour>%d</tt:Hour><tt:Minute>%d</tt:Minute><tt:Second>%d</tt:Second></tt:Time><tt:Date><tt:Year>%d</tt:Year><tt:Month>%d</tt:Month><tt:Day>%d</tt:Day></tt:Date>`,
			t.Hour(), t.Minute(), t.Second(), t.Year(), t.Month(), t.Day())
	}
	return `<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings>` +
		`<tt:TimeZone><tt:TZ>` + zone + `</tt:TZ></tt:TimeZone><tt:UTCDateTime>` + part(now) + `</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>`
}

// serviceList is what GetServices tells: namespace and path.
func (c *Camera) serviceList() [][2]string {
	list := [][2]string{
		{"http://www.onvif.org/ver10/device/wsdl", "device_service"},
		{"http://www.onvif.org/ver10/media/wsdl", "media"},
		{"http://www.onvif.org/ver10/events/wsdl", "events"},
	}
	if !c.fault().NoMedia2 {
		list = append(list, [2]string{"http://www.onvif.org/ver20/media/wsdl", "media2"})
	}
	return list
}

func (c *Camera) services() string {
	var b strings.Builder
	for _, s := range c.serviceList() {
		b.WriteString(`<tds:Service><tds:Namespace>` + s[0] + `</tds:Namespace><tds:XAddr>` + c.scheme() + c.host() + `/onvif/` + s[1] +
			`</tds:XAddr><tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service>`)
	}
	return `<tds:GetServicesResponse>` + b.String() + `</tds:GetServicesResponse>`
}

func (c *Camera) capabilities() string {
	at := c.scheme() + c.host() + "/onvif/"
	return `<tds:GetCapabilitiesResponse><tds:Capabilities>` +
		`<tt:Device><tt:XAddr>` + at + `device_service</tt:XAddr></tt:Device>` +
		`<tt:Events><tt:XAddr>` + at + `events</tt:XAddr><tt:WSSubscriptionPolicySupport>false</tt:WSSubscriptionPolicySupport><tt:WSPullPointSupport>true</tt:WSPullPointSupport><tt:WSPausableSubscriptionManagerInterfaceSupport>false</tt:WSPausableSubscriptionManagerInterfaceSupport></tt:Events>` +
		`<tt:Media><tt:XAddr>` + at + `media</tt:XAddr><tt:StreamingCapabilities><tt:RTPMulticast>false</tt:RTPMulticast><tt:RTP_TCP>true</tt:RTP_TCP><tt:RTP_RTSP_TCP>true</tt:RTP_RTSP_TCP></tt:StreamingCapabilities></tt:Media>` +
		`</tds:Capabilities></tds:GetCapabilitiesResponse>`
}
