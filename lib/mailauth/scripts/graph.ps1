function Get-GraphRows {
    # Returns the objects of a list, page by page, or the one object that is there.
    param([string] $Uri, [hashtable] $Headers = @{})
    $Next = $Uri
    while ($Next) {
        $Page = Invoke-MgGraphRequest -Method 'GET' -Uri $Next -Headers $Headers -OutputType 'HashTable' -ErrorAction Stop
        if ($Page.Contains('value')) { $Page['value'] } else { $Page }
        $Next = $Page['@odata.nextLink']
    }
}

function ConvertTo-PathPart {
    # Returns an id as it stands in an address; between quotes, a quote is doubled.
    param([string] $Value)
    return [uri]::EscapeDataString($Value.Replace("'", "''"))
}

function Connect-GraphTenant {
    # Connects to Microsoft Graph where nobody is signed in or a permission lacks, and stops where it is another tenant.
    param([string] $TenantId, [string] $Environment, [string[]] $Scopes)
    $Context = Get-MgContext
    $Held = Get-Field $Context 'Scopes'
    $Lacking = @($Scopes | Where-Object { $Held -notcontains $_ })
    if ($null -eq $Context -or $Lacking.Count -gt 0) {
        if (-not $Environment) { throw 'Connect to Microsoft Graph first: this cloud has no name in Connect-MgGraph.' }
        # The token stays in this process: it may change the tenant, and nobody needs it afterwards.
        Connect-MgGraph -TenantId $TenantId -Scopes $Scopes -Environment $Environment -ContextScope 'Process' -NoWelcome -ErrorAction Stop
        $Context = Get-MgContext
    }
    $Found = [string] (Get-Field $Context 'TenantId')
    $Who = [string] (Get-Field $Context 'Account')
    if ($TenantId -match '^[0-9a-fA-F-]{36}$') { $Right = $Found -eq $TenantId }
    else {
        $Domains = @(Get-GraphRows -Uri '/v1.0/organization' | Where-Object { $null -ne $_ })
        $Right = @($Domains | Where-Object { @($_['verifiedDomains'] | Where-Object { $_['name'] -eq $TenantId }).Count -gt 0 }).Count -gt 0
    }
    if (-not $Right) { throw ('Microsoft Graph is connected to tenant ' + $Found + ' as ' + $Who + '; this script is for ' + $TenantId + '. Run Disconnect-MgGraph, then this script again.') }
}
