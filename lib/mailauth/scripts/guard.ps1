function Get-PolicyStates {
    # Returns by name whether each authentication policy is seen to refuse passwords for SMTP AUTH.
    $States = @{}
    foreach ($Policy in @(Get-AuthenticationPolicy -ErrorAction Stop)) {
        $States[[string] (Get-Field $Policy 'Name')] = [string] (Get-Field $Policy 'AllowBasicAuthSmtp') -eq 'False'
    }
    return $States
}

function Get-DefaultPolicy {
    # Returns the name of the policy of whoever has none of their own; nothing where there is none.
    return Get-CommonName (Get-Field (Get-OrganizationConfig -ErrorAction Stop) 'DefaultAuthenticationPolicy')
}

function Test-Refuses {
    # Whether an account's own policy, or else the default, refuses passwords.
    param([hashtable] $States, [string] $Own, [string] $Default)
    $Name = $Own
    if ($Name -eq '') { $Name = $Default }
    return $Name -ne '' -and $States[$Name] -eq $true
}

function Get-Names {
    # Returns what a step may call an account by.
    param($User)
    foreach ($Field in 'Guid', 'ExternalDirectoryObjectId', 'UserPrincipalName', 'WindowsEmailAddress') {
        $Name = [string] (Get-Field $User $Field)
        if ($Name -ne '') { $Name }
    }
}

function Assert-PolicyRefuses {
    # Stops where no policy keeps passwords out of a mailbox for which SMTP AUTH is to be on.
    param([string[]] $Mailbox)
    $States = Get-PolicyStates
    $Default = Get-DefaultPolicy
    $Bare = @(foreach ($Name in $Mailbox) {
        $Users = @(Get-User -Identity $Name -ErrorAction Stop)
        $Kept = $Users.Count -eq 1 -and (Test-Refuses $States (Get-CommonName (Get-Field $Users[0] 'AuthenticationPolicy')) $Default)
        if (-not $Kept) { (@(foreach ($User in $Users) { Get-Field $User 'UserPrincipalName' }) + $Name) -join ' ' }
    })
    if ($Bare.Count -gt 0) { throw ('Stopped before anything was sent: no policy keeps passwords out of ' + ($Bare -join ', ') + '. Make a new plan: it begins with the policy.') }
}

function Assert-NothingOpens {
    # Stops where a mailbox for which SMTP AUTH is on would be left without a policy that refuses passwords. Spared is
    # who took them before the policy. Accounts have what is held, and get what is given; '' is the default. Policies
    # that are altered refuse passwords then, or do not.
    param([hashtable] $Held, [hashtable] $Given, [hashtable] $Altered, [string[]] $Spared)
    $Now = Get-PolicyStates
    $Then = $Now.Clone()
    foreach ($Name in $Altered.Keys) { $Then[$Name] = $Altered[$Name] }
    $Default = Get-DefaultPolicy
    $Falls = $Default
    if ($Given.Contains('') -and [string] $Default -eq [string] $Held['']) { $Falls = $Given[''] }
    $Off = Get-Field (Get-TransportConfig -ErrorAction Stop) 'SmtpClientAuthenticationDisabled'
    $Switches = @{}
    foreach ($Box in @(Get-CASMailbox -ResultSize 'Unlimited' -ErrorAction Stop)) {
        $Disabled = Get-Field $Box 'SmtpClientAuthenticationDisabled'
        if ($null -eq $Disabled) { $Disabled = $Off }
        $Switches[[string] (Get-Field $Box 'Guid')] = $Disabled
    }
    $Bare = @(foreach ($User in @(Get-User -ResultSize 'Unlimited' -ErrorAction Stop)) {
        $Guid = [string] (Get-Field $User 'Guid')
        $Own = Get-CommonName (Get-Field $User 'AuthenticationPolicy')
        if (-not $Switches.Contains($Guid) -or $Switches[$Guid] -eq $true) { continue }
        if (-not (Test-Refuses $Now $Own $Default)) { continue }
        $Names = @(Get-Names $User)
        $Next = $Own
        foreach ($Name in $Names) { if ($Given.Contains($Name) -and [string] $Own -eq [string] $Held[$Name]) { $Next = $Given[$Name] } }
        if (Test-Refuses $Then $Next $Falls) { continue }
        if (@($Names | Where-Object { $Spared -contains $_ }).Count -eq 0) { [string] (Get-Field $User 'UserPrincipalName') }
    })
    if ($Bare.Count -gt 0) { throw ('Stopped before anything was sent: Basic would be open on ' + ($Bare -join ', ') + ': SMTP AUTH is on there. Turn it off first, or take back what turned it on; then run this script again.') }
}
