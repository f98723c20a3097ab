function Get-Plain {
    # Returns a value in the words of JSON: names for enumerations, UTC for dates, lists as lists.
    param($Value)
    if ($null -eq $Value -or $Value -is [string] -or $Value -is [bool] -or $Value -is [int] -or $Value -is [long]) { return $Value }
    if ($Value -is [datetime]) { return $Value.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ssZ', [System.Globalization.CultureInfo]::InvariantCulture) }
    if ($Value -is [System.Collections.IDictionary]) {
        $Table = @{}
        foreach ($Key in $Value.Keys) { $Table[[string] $Key] = Get-Plain $Value[$Key] }
        return $Table
    }
    if ($Value -is [System.Collections.IEnumerable]) { return , @(foreach ($Each in $Value) { Get-Plain $Each }) }
    return $Value.ToString()
}

function Get-Picked {
    # Returns the named fields of a row, those that it has; all of them where none is named.
    param($Row, [string[]] $Fields)
    if ($Fields.Count -eq 0) { return Get-Plain $Row }
    $Kept = @{}
    foreach ($Name in $Fields) {
        if ($Row -is [System.Collections.IDictionary]) { $There = $Row.Contains($Name) }
        else { $There = $null -ne $Row.PSObject.Properties[$Name] }
        if ($There) { $Kept[$Name] = Get-Plain (Get-Field $Row $Name) }
    }
    return $Kept
}

function Get-Part {
    # Returns the rows that answer a question, or why there are none: what is refused must not cost the rest.
    param([string[]] $Fields, [scriptblock] $Ask)
    try {
        $Rows = @(foreach ($Row in @(& $Ask)) { if ($null -ne $Row) { Get-Picked $Row $Fields } })
        return @{ rows = $Rows; error = ''; absent = $false }
    }
    catch {
        $Text = Get-ErrorText $_
        $Absent = $Text -match 'ManagementObjectNotFoundException|ResourceNotFound|NotFound \(Not Found\)|404 Not Found'
        return @{ rows = @(); error = $Text; absent = $Absent }
    }
}

function Get-PartOfEach {
    # Asks about each of the named mailboxes, and returns the rows together. One that does not exist has none.
    param([string[]] $Fields, [scriptblock] $Ask)
    $Parts = @(foreach ($Address in $Mailbox) { Get-Part -Fields $Fields -Ask $Ask })
    # Some cmdlets return every object where the one that is named does not exist.
    $Rows = @(foreach ($Part in $Parts) { if ($Part['rows'].Count -le 1) { $Part['rows'] } })
    $Problem = ''
    foreach ($Part in $Parts) { if ($Part['error'] -and -not $Part['absent']) { $Problem = $Part['error'] } }
    return @{ rows = $Rows; error = $Problem; absent = $false }
}

function Get-GroupIds {
    # Returns the groups that Conditional Access policies name, or that hold a role.
    param($Policies, $Assignments)
    $Ids = @(foreach ($Policy in $Policies) {
        $Included = Get-Field $Policy 'conditions.users.includeGroups'
        foreach ($Id in $Included) { $Id }
        $Excluded = Get-Field $Policy 'conditions.users.excludeGroups'
        foreach ($Id in $Excluded) { $Id }
    })
    $Ids += @(foreach ($Each in $Assignments) { if ($Each['principal']['@odata.type'] -eq '#microsoft.graph.group') { $Each['principalId'] } })
    return $Ids | Sort-Object -Unique
}

function Get-RoleRows {
    # Returns who holds which directory role: ids, and whether the holder is a group.
    foreach ($Row in @(Get-GraphRows -Uri '/v1.0/roleManagement/directory/roleAssignments?$expand=principal')) {
        $Kind = ''
        if ($null -ne $Row['principal']) { $Kind = [string] $Row['principal']['@odata.type'] }
        @{ roleDefinitionId = $Row['roleDefinitionId']; principalId = $Row['principalId']; principal = @{ '@odata.type' = $Kind } }
    }
}

function Get-ModuleVersion {
    # Returns the version of a module that is loaded; nothing where it is not.
    param([string] $Name)
    $Found = @(Get-Module -Name $Name)
    if ($Found.Count -eq 0) { return '' }
    return $Found[0].Version.ToString()
}

function Get-Json {
    # Returns JSON in ASCII, so that no version's idea of a default encoding can change a letter.
    param($Value)
    $Json = ConvertTo-Json -InputObject $Value -Depth 30
    return [regex]::Replace($Json, '[^\x00-\x7f]', { param($Match) '\u' + ([int] [char] $Match.Value).ToString('x4') })
}
