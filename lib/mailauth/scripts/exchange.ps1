function Connect-ExchangeTenant {
    # Connects to Exchange Online where no session is open, and stops where it is another tenant's.
    param([string] $TenantId, [string] $Environment)
    $Open = @(Get-ConnectionInformation | Where-Object { (Get-Field $_ 'State') -eq 'Connected' })
    if ($Open.Count -eq 0) {
        if (-not $Environment) { throw 'Connect to Exchange Online first: this cloud has no name in Connect-ExchangeOnline.' }
        Connect-ExchangeOnline -ExchangeEnvironmentName $Environment -ShowBanner:$false -ErrorAction Stop
        $Open = @(Get-ConnectionInformation | Where-Object { (Get-Field $_ 'State') -eq 'Connected' })
    }
    if ($Open.Count -ne 1) { throw ('Found ' + $Open.Count + ' Exchange sessions; expected one. Run Disconnect-ExchangeOnline, then this script again.') }
    $Found = [string] (Get-Field $Open[0] 'TenantID')
    $Who = [string] (Get-Field $Open[0] 'UserPrincipalName')
    if ($TenantId -match '^[0-9a-fA-F-]{36}$') { $Right = $Found -eq $TenantId }
    else { $Right = @(Get-AcceptedDomain -ErrorAction Stop | Where-Object { (Get-Field $_ 'DomainName') -eq $TenantId }).Count -gt 0 }
    $Partner = ' A partner signs in first with Connect-ExchangeOnline -DelegatedOrganization and a domain of that tenant, and then runs this script.'
    if (-not $Right) { throw ('Exchange Online is connected to tenant ' + $Found + ' as ' + $Who + '; this script is for ' + $TenantId + '. Run Disconnect-ExchangeOnline, then this script again.' + $Partner) }
}
